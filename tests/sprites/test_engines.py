"""PixiJS and Phaser load the files of an atlas, and find in them what the single sprites hold."""

import os
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from stylegan_pokemon.cli.sprite import write_sprites
from stylegan_pokemon.sprites.options import SpriteOptions
from tests.report.browser import chromium
from tests.sprites.test_atlas import FILM, MIXED

pytestmark = pytest.mark.browser

_PIXI = """
const done = arguments[arguments.length - 1];
const box = t => [t.frame.x, t.frame.y, t.frame.width, t.frame.height];
const of = object => Object.fromEntries(Object.entries(object).map(([k, v]) => [k, box(v)]));
(async () => {
  const hash = await PIXI.Assets.load("atlas.json"), array = await PIXI.Assets.load("atlas-array.json");
  done({hash: of(hash.textures), array: Object.values(of(array.textures)),
        films: Object.fromEntries(Object.entries(hash.animations).map(([k, v]) => [k, v.map(box)]))});
})().catch(error => done(String(error)));
"""
_PHASER = """
const done = arguments[arguments.length - 1];
const box = f => [f.cutX, f.cutY, f.cutWidth, f.cutHeight];
new Phaser.Game({type: Phaser.HEADLESS, banner: false, audio: {noAudio: true}, scene: {
  preload() {
    this.load.on("loaderror", file => done("not loaded: " + file.url));
    this.load.atlas("hash", "atlas.png", "atlas.json");
    this.load.atlas("array", "atlas.png", "atlas-array.json");
    this.load.aseprite("film", "atlas.png", "atlas-aseprite.json");
  },
  create() {
    const of = key => Object.fromEntries(
      this.textures.get(key).getFrameNames().map(name => [name, box(this.textures.getFrame(key, name))]));
    const films = this.anims.createFromAseprite("film");
    done({hash: of("hash"), array: Object.values(of("array")),
          films: Object.fromEntries(films.map(film => [film.key, film.frames.map(f => box(f.frame))])),
          times: films.flatMap(film => film.frames.map(f => f.duration))});
  },
}});
"""


def _script(package: str) -> Path:
    for folder in filter(None, os.environ.get("NODE_PATH", "").split(os.pathsep)):
        if (found := Path(folder, package)).is_file():
            return found
    name = package.partition("/")[0]
    pytest.skip(f"no {name} here: npm install {name}, then NODE_PATH=…/node_modules")


@pytest.fixture
def served(tmp_path):
    """A folder with an atlas of sprites of several sizes and of a film, and its address."""
    write_sprites([*MIXED, FILM], SpriteOptions(transparent=False, atlas=True), tmp_path)
    (tmp_path / "page.html").write_text("<!DOCTYPE html><meta charset=utf-8>", encoding="utf-8")

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args) -> None:
            super().__init__(*args, directory=tmp_path)

        def log_message(self, *_) -> None:
            """Keep the test output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield tmp_path, f"http://127.0.0.1:{server.server_address[1]}/page.html"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("package", "program"),
    [("pixi.js/dist/pixi.min.js", _PIXI), ("phaser/dist/phaser.min.js", _PHASER)],
    ids=["pixi", "phaser"],
)
def test_engines_find_every_sprite_and_film(package, program, served):
    folder, address = served
    shutil.copy(_script(package), folder / "engine.js")
    with chromium() as driver:
        driver.get(address)
        driver.execute_async_script(
            "const done = arguments[0], script = document.createElement('script');"
            "script.src = 'engine.js'; script.onload = done; document.head.append(script)"
        )
        found = driver.execute_async_script(program)
    assert isinstance(found, dict), found
    sheet = np.asarray(Image.open(folder / "atlas.png"))
    assert len(found["hash"]) == len(MIXED) + len(FILM.frames)
    for name, (x, y, w, h) in found["hash"].items():
        assert np.array_equal(sheet[y : y + h, x : x + w], np.asarray(Image.open(folder / name)))
    assert sorted(found["array"]) == sorted(found["hash"].values())
    walk = [found["hash"][f"{FILM.name}-{i:04d}.png"] for i in range(len(FILM.frames))]
    assert found["films"] == {FILM.name: walk}
    assert found.get("times", list(FILM.durations)) == list(FILM.durations)
