"""What the palette and the GIF writer promise, on cross-fades of real sprites."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from stylegan_pokemon.render.gif import save_gif
from stylegan_pokemon.sprites.quantize import PaletteIndex, oklab, shared_palette

pytestmark = pytest.mark.sprites


@pytest.fixture(scope="module")
def film(sprites) -> list[np.ndarray]:
    """Six sprites at 128 × 128 on white, each fading into the next over ten frames."""
    with zipfile.ZipFile(sprites / "pokemon_rgba.zip") as archive:
        names = sorted(archive.namelist())
        stills = []
        for name in names[:: len(names) // 6][:6]:
            sprite = Image.open(io.BytesIO(archive.read(name))).convert("RGBA")
            white = Image.new("RGBA", sprite.size, "white")
            white.alpha_composite(sprite)
            stills.append(np.asarray(white.convert("RGB").resize((128, 128))).astype(float))
    fades = zip(stills, stills[1:] + stills[:1], strict=True)
    return [(a + (b - a) * i / 10).round().astype(np.uint8) for a, b in fades for i in range(10)]


def test_the_shared_palette_beats_median_cut_on_average_and_in_the_worst_hundredth(film):
    whole = np.concatenate(film)
    palette = shared_palette(film)
    cut = Image.fromarray(whole).quantize(255, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    theirs = np.array(cut.getpalette(), dtype=np.uint8).reshape(-1, 3)[:255]
    seen = whole.min(axis=-1) < 250
    errors = [
        np.linalg.norm(oklab(entries[PaletteIndex(entries)(whole)]) - oklab(whole), axis=-1)[seen]
        for entries in (palette, theirs)
    ]
    ours, median_cut = ((error.mean(), np.percentile(error, 99)) for error in errors)
    assert ours[0] < 0.97 * median_cut[0]
    assert ours[1] < 0.75 * median_cut[1]
    assert (palette == 255).all(axis=-1).any()


def test_the_file_is_much_smaller_than_pillows_optimised_one(film, tmp_path):
    save_gif(tmp_path / "ours.gif", film, [4] * len(film))
    images = [Image.fromarray(frame) for frame in film]
    images[0].save(
        tmp_path / "theirs.gif", save_all=True, append_images=images[1:], duration=40, optimize=True
    )
    ours, theirs = ((tmp_path / f"{name}.gif").stat().st_size for name in ("ours", "theirs"))
    assert ours < 0.65 * theirs, (ours, theirs)
