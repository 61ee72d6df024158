"""Pages in a real browser: nothing on the console, nothing from the network, and everything moves."""

import json
import math

import pytest
from PIL import Image

from stylegan_pokemon.report import compare, write_report
from tests.report.browser import chromium, messages, open_page, requests, resize
from tests.report.runs import grid, make_run, measured, record

pytestmark = pytest.mark.browser

HOSTILE = "<script>window.broken=1</script><img src=x onerror=window.broken=1>\"'&"


@pytest.fixture(scope="module")
def browser():
    with chromium() as driver:
        yield driver


def opened(driver, run):
    write_report(run)
    open_page(driver, run / "report.html")
    assert messages(driver) == []
    assert requests(driver) == []
    return driver


def script(driver, code):
    return driver.execute_script(f"return {code}")


def plots(driver):
    """Of every chart how many points it holds, and how many there were to draw."""
    return script(
        driver, "[...document.querySelectorAll('.plot')].map(p => p.plot ? p.plot.data[0].length : -1)"
    )


def keys(driver, *names):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    chain = ActionChains(driver)
    for name in names:
        chain.send_keys(getattr(Keys, name))
    chain.perform()


def test_the_slider_moves_the_picture_by_hand_by_keys_and_by_itself(browser, tmp_path):
    opened(browser, make_run(tmp_path / "r", [record(t) for t in range(1, 13)]))
    assert script(browser, "document.getElementById('frame-label').textContent") == "tick 12 · 12 kimg"
    sources = [script(browser, "document.getElementById('frame').src")]
    for _ in range(3):
        keys(browser, "ARROW_LEFT")
        sources.append(script(browser, "document.getElementById('frame').src"))
    assert len(set(sources)) == 4
    assert script(browser, "document.getElementById('frame-label').textContent") == "tick 9 · 9 kimg"
    assert script(browser, "document.getElementById('slider').value") == "9"
    browser.execute_script("document.getElementById('slider').focus()")
    keys(browser, "HOME")
    assert script(browser, "document.getElementById('frame-label').textContent") == "before training"
    keys(browser, "ARROW_RIGHT")
    assert script(browser, "document.getElementById('frame-label').textContent") == "tick 1 · 1 kimg"
    script(browser, "document.getElementById('play').click()")
    browser.execute_async_script("setTimeout(arguments[0], 1500)")
    assert int(script(browser, "document.getElementById('slider').value")) > 1
    script(browser, "document.getElementById('play').click()")
    assert script(browser, "document.getElementById('play').getAttribute('aria-pressed')") == "false"
    decoded = "const i = document.getElementById('frame'); return i.decode().then(() => i.naturalWidth)"
    assert browser.execute_script(decoded) == 512
    assert messages(browser) == []


@pytest.mark.parametrize("count", [0, 1, 2, 100, 500])
def test_charts_hold_every_tick(browser, tmp_path, count):
    records = [record(t, metrics=measured(0.1) if t % 2 else None) for t in range(1, count + 1)]
    pictures = [0] if not count else [0, 1, count] if count < 500 else range(0, count + 1, 20)
    run = make_run(tmp_path / "r", records, {"kimg": 500.0}, pictures=sorted(set(pictures)))
    opened(browser, run)
    held = plots(browser)
    if not count:
        assert held == []
        assert "No tick is finished yet." in script(browser, "document.body.innerText")
        return
    assert len(held) > 10
    assert set(held) == {count}
    assert run.joinpath("report.html").stat().st_size < 8_000_000
    # They are drawn, not merely held.
    inked = """(() => { const c = document.querySelector('.plot canvas');
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n; })()"""
    assert script(browser, inked) > 500


@pytest.mark.parametrize("missing", ["every picture", "the first grid", "a middle grid", "the real ones"])
def test_pages_work_without_pictures_and_with_damaged_lines(browser, tmp_path, missing):
    run = make_run(tmp_path / "r", [record(t, metrics=measured(0.1)) for t in range(1, 7)])
    with open(run / "stats.jsonl", "a", encoding="utf-8") as file:
        file.write('{"tick": 7, "kimg"\nnull\n{"tick": "x", "kimg": 8}\n')
    gone = {"the first grid": "fakes000000.png", "a middle grid": "fakes000003.png"}
    for picture in run.glob("*.png" if missing == "every picture" else gone.get(missing, "reals.png")):
        picture.unlink()
    opened(browser, run)
    assert "3 lines of stats.jsonl could not be read" in script(browser, "document.body.innerText")
    assert set(plots(browser)) == {6}
    keys(browser, "ARROW_LEFT", "ARROW_LEFT")
    assert messages(browser) == []
    labels = script(browser, "[...document.querySelectorAll('#frame-label')].map(e => e.textContent)")
    assert labels == ([] if missing == "every picture" else ["tick 4 · 4 kimg"])


def test_charts_and_pictures_lie_within_their_cards_and_do_not_overlap(browser, tmp_path):
    run = make_run(tmp_path / "r", [record(t, metrics=measured(0.1)) for t in range(1, 7)])
    Image.fromarray(grid(1, columns=3, rows=12)).save(run / "nn.png")
    Image.fromarray(grid(1, columns=9)).save(run / "truncation.png")
    (run / "best.json").write_text(json.dumps({"tick": 3, "kimg": 3, "value": 0.1, "name": "kid_x"}))
    boxes = """[...document.querySelectorAll('.card')].map(c => c.getBoundingClientRect())
        .map(r => [r.left, r.top, r.right, r.bottom])"""
    outside = """[...document.querySelectorAll('.card *')]
        .filter(e => !e.closest('.tip, .u-over, .scroll'))
        .filter(e => e.getClientRects().length && getComputedStyle(e).position !== 'absolute')
        .filter(e => { const a = e.getBoundingClientRect(), c = e.closest('.card').getBoundingClientRect();
            return a.left < c.left - 1 || a.right > c.right + 1 || a.bottom > c.bottom + 1; })
        .map(e => e.outerHTML.slice(0, 90))"""
    try:
        for width in (360, 1280):
            resize(browser, width, 900)
            opened(browser, run)
            cards = script(browser, boxes)
            assert len(cards) > 12
            for i, (left, top, right, bottom) in enumerate(cards):
                for other in cards[i + 1 :]:
                    assert right <= other[0] or other[2] <= left or bottom <= other[1] or other[3] <= top
            assert script(browser, outside) == []
    finally:
        resize(browser, 1280, 900)


def test_what_is_no_number_leaves_a_gap_and_is_marked(browser, tmp_path):
    records = [record(t, loss__G=math.nan if t in (4, 5) else 0.8) for t in range(1, 11)]
    opened(browser, make_run(tmp_path / "r", records))
    values = script(browser, "document.querySelector('.plot').plot.data[1]")
    assert [i for i, value in enumerate(values) if value is None] == [3, 4]
    assert "not a number" in script(browser, "document.querySelector('.plot + .legend').textContent")
    opened(
        browser, make_run(tmp_path / "all", [record(t, loss__G=math.inf, r_t=math.nan) for t in (1, 2, 3)])
    )
    assert "diverged" in script(browser, "document.getElementById('verdict').innerText")


def test_a_tooltip_tells_the_tick_under_the_pointer(browser, tmp_path):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By

    opened(browser, make_run(tmp_path / "r", [record(t, r_t=0.1 * t) for t in range(1, 6)]))
    over = browser.find_element(By.CSS_SELECTOR, ".plot[data-chart='1'] .u-over")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", over)
    ActionChains(browser).move_to_element(over).perform()
    tip = browser.find_element(By.CSS_SELECTOR, ".plot[data-chart='1'] .tip")
    assert "tick 3 · 3 kimg" in tip.text
    assert "0.3" in tip.text
    ActionChains(browser).click().perform()
    assert script(browser, "document.getElementById('frame-label').textContent") == "tick 3 · 3 kimg"


def test_a_tooltip_with_an_error_bar_keeps_its_words_whole(browser, tmp_path):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By

    rows = [record(t, metrics=measured(0.0123456 * t, error=0.00123456)) for t in range(1, 6)]
    opened(browser, make_run(tmp_path / "r", rows))
    over = browser.find_element(By.CSS_SELECTOR, ".plot[data-chart='0'] .u-over")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", over)
    ActionChains(browser).move_to_element(over).perform()
    tip = browser.find_element(By.CSS_SELECTOR, ".plot[data-chart='0'] .tip")
    assert "KID (efficientnet-lite1)" in tip.text
    assert "0.037" in tip.text
    assert tip.size["height"] < 110  # a heading, and a line that may break once


def test_rows_of_the_grid_carry_the_names_of_their_classes(browser, tmp_path):
    names = [
        "fire",
        "water",
        "a name far too long for the little room beside a grid",
        HOSTILE,
        "grass",
    ]
    opened(browser, make_run(tmp_path / "r", [record(1)], {"classes": names}))
    rows = script(browser, "[...document.querySelectorAll('.rows li')].map(li => li.textContent)")
    assert rows == [names[i % 5] for i in range(8)]
    apart = """[...document.querySelectorAll('.rows li')].map(li => li.getBoundingClientRect())
        .map(r => (r.top + r.bottom) / 2 - document.getElementById('frame').getBoundingClientRect().top)"""
    height = script(browser, "document.getElementById('frame').getBoundingClientRect().height")
    middles = script(browser, apart)
    assert middles == pytest.approx([(i + 0.5) * height / 8 for i in range(8)], abs=3)


def test_names_cannot_run(browser, tmp_path):
    metrics = measured(0.1)
    metrics["values"][f"kid_{HOSTILE}"] = {"value": 1.0}
    metrics["memorisation"]["verdict"] = HOSTILE
    config = {"data": f"/d/{HOSTILE}.zip", "start": HOSTILE, "classes": [HOSTILE], HOSTILE: HOSTILE}
    run = make_run(
        tmp_path / "<img onerror=x> & 'r'", [record(1, sec_of_phases={HOSTILE: 1.0}, metrics=metrics)], config
    )
    Image.fromarray(grid(1)).save(run / "nn.png")
    opened(browser, run)
    assert script(browser, "window.broken === undefined")
    assert script(browser, "document.querySelectorAll('img[src=x]').length") == 0
    assert "<script>" in script(browser, "document.getElementById('settings').textContent")
    assert len(plots(browser)) > 10


def test_the_policy_stops_what_would_slip_in(browser, tmp_path):
    opened(browser, make_run(tmp_path / "r", [record(1)]))
    browser.execute_script(
        "const s = document.createElement('script'); s.textContent = 'window.broken = 1';"
        " document.body.append(s);"
        "const i = new Image(); i.src = 'http://127.0.0.1:9/x.png'; document.body.append(i);"
    )
    assert script(browser, "window.broken === undefined")
    assert sum("Content Security Policy" in message for message in messages(browser)) == 2


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_is_wider_than_the_screen(browser, tmp_path, width):
    records = [
        record(t, metrics=measured(0.02 if t == 2 else 0.1), loss__G=math.nan if t == 3 else 0.8)
        for t in range(1, 9)
    ]
    deep = tmp_path / "a-folder-with-a-name-that-goes-on-and-on-without-a-place-to-break-it" / "run"
    run = make_run(deep, records, {"classes": ["x" * 60, "y"]})
    Image.fromarray(grid(1)).save(run / "nn.png")
    write_report(run)
    other = make_run(tmp_path / "other", [record(1)])
    compare([run, other], tmp_path / "compare.html")
    try:
        for page in (run / "report.html", tmp_path / "compare.html"):
            resize(browser, width, 900)
            open_page(browser, page)
            assert script(browser, "document.documentElement.scrollWidth") <= width
            assert messages(browser) == []
    finally:
        resize(browser, 1280, 900)


def test_dark_and_light_follow_the_system_and_text_stands_out_in_both(browser, tmp_path):
    """WCAG 2.1 AA: 4.5 to 1, by its own formula."""
    run = make_run(tmp_path / "r", [record(t, p=0.85, r_t=0.7) for t in range(1, 5)])
    pairs = [("--ink", "--paper"), ("--soft", "--paper"), ("--soft", "--card"), ("--soft", "--sunk")]
    pairs += [("--ink", "--card"), ("--accent-ink", "--card")]
    pairs += [(f"--{level}", f"--{level}-bg") for level in ("good", "info", "warn", "bad")]
    value = "getComputedStyle(document.documentElement).getPropertyValue"
    papers = []
    with chromium(dark=True) as dark:
        for driver in (browser, dark):
            opened(driver, run)
            papers.append(luminance(script(driver, f"{value}('--paper')")))
            for pair in pairs:
                a, b = (luminance(script(driver, f"{value}('{name}')")) for name in pair)
                assert (max(a, b) + 0.05) / (min(a, b) + 0.05) >= 4.5, pair
    assert papers[0] > 0.8
    assert papers[1] < 0.05


def test_everything_that_can_be_used_or_seen_has_a_name(browser, tmp_path):
    run = make_run(tmp_path / "r", [record(t, metrics=measured(0.1)) for t in range(1, 5)])
    Image.fromarray(grid(1)).save(run / "nn.png")
    opened(browser, run)
    unnamed = """[...document.querySelectorAll('button, input, img, a, [role=img]')]
        .filter(e => !e.closest('dialog') && !(e.ariaLabel || e.alt || e.textContent.trim()))
        .map(e => e.outerHTML.slice(0, 80))"""
    assert script(browser, unnamed) == []


def luminance(colour):
    channels = [int(colour.strip()[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
