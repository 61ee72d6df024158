"""Headless Chromium for tests of pages: what the console said, what the network was asked for."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
_SWITCHES = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--hide-scrollbars",
)  # fmt: skip


@contextlib.contextmanager
def chromium(width=1280, height=900, dark=False):
    """A fresh browser as a selenium driver. Skips the test where there is none."""
    webdriver = pytest.importorskip(
        "selenium.webdriver", reason="selenium is not installed: pip install -e '.[test]'"
    )
    if not CHROMIUM or not DRIVER:
        pytest.skip("no Chromium with its driver here: apt-get install chromium chromium-driver")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for switch in (*_SWITCHES, f"--user-data-dir={profile}", f"--window-size={width},{height}"):
            options.add_argument(switch)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=DRIVER))
        try:
            driver.set_script_timeout(20)
            resize(driver, width, height)
            scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
            driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
            yield driver
        finally:
            driver.quit()


def resize(driver, width, height):
    """Give the page a size, narrower than a window may be too."""
    facts = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", facts)


def open_page(driver, path):
    """Open a file and wait until its program has run; earlier messages are forgotten."""
    driver.get_log("browser")
    driver.get_log("performance")
    driver.get(path.resolve().as_uri())
    driver.execute_async_script(
        "const done = arguments[0], until = Date.now() + 10000;"
        "(function look() { if (document.documentElement.dataset.ready || Date.now() > until) done(); else"
        " setTimeout(look, 20); })()"
    )
    assert driver.execute_script("return document.documentElement.dataset.ready") == "yes", messages(driver)


def messages(driver):
    """What the console has said since the page was opened."""
    return [entry["message"] for entry in driver.get_log("browser")]


def requests(driver):
    """Addresses that the page asked for, the page itself and pictures inside it left out."""
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    return [url for url in asked if not url.startswith(("file:", "data:"))]


def screenshot(driver, path, width, whole=True):
    """A picture of the page, all of it if `whole`."""
    import base64

    height = driver.execute_script("return document.documentElement.scrollHeight") if whole else 900
    resize(driver, width, min(height, 15000))
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": whole})
    path.write_bytes(base64.b64decode(shot["data"]))
