"""What convert and inspect say of a whole set."""

import numpy as np
from PIL import Image, ImageDraw

from dataset_tool.convert import ConvertOptions, convert
from dataset_tool.inspect import inspect
from dataset_tool.remarks import dominant_creature, look_of, unlike_the_rest
from tests.dataset_tool.test_cutting import sprite


def creatures(count):
    rng = np.random.default_rng(1)
    page = Image.new("RGBA", (64, 64), "white")
    return [Image.alpha_composite(page, sprite(rng, 64)).convert("RGB") for _ in range(count)]


def strays():
    rng = np.random.default_rng(2)
    text = Image.new("RGB", (64, 64), "white")
    for line in range(6):
        ImageDraw.Draw(text).text((1, 10 * line), "lorem ipsum dolor", fill="black")
    dark = Image.new("RGB", (64, 64), "black")
    ImageDraw.Draw(dark).ellipse((12, 12, 50, 50), fill="blue")
    return {
        "noise": Image.fromarray(rng.integers(0, 255, (64, 64, 3), np.uint8)),
        "text": text,
        "blank": Image.new("RGB", (64, 64), "white"),
        "dark": dark,
    }


def test_pictures_unlike_the_rest_are_named_and_no_other():
    ordinary, odd = creatures(80), strays()
    found = unlike_the_rest([look_of(picture) for picture in [*ordinary, *odd.values()]])
    assert sorted(index for index, _ in found) == [80, 81, 82, 83]
    assert dict(found)[83] == "another background"


def test_creatures_that_leave_much_of_the_frame_empty_are_told_until_they_are_trimmed(tmp_path):
    for index, picture in enumerate(creatures(24)):
        page = Image.new("RGB", (128, 128), "white")
        page.paste(picture.crop(picture.convert("L").point(lambda v: 255 * (v < 250)).getbbox()), (20, 30))
        page.save(tmp_path / f"creature {index}.png")
    remarks = convert([tmp_path], tmp_path / "a.zip", ConvertOptions(32)).remarks
    (told,) = [remark for remark in remarks if "of the frame's side" in remark]
    assert told.startswith("creatures fill 4")
    assert "--trim --margin 1.5" in told
    trimmed = convert([tmp_path], tmp_path / "b.zip", ConvertOptions(32, trim=True, margin=1.5)).remarks
    assert not any("of the frame's side" in remark for remark in trimmed)
    assert any("of the frame's side" in remark for remark in inspect(tmp_path / "a.zip").remarks)
    assert not any("of the frame's side" in remark for remark in inspect(tmp_path / "b.zip").remarks)


def test_numbers_that_recur_in_every_folder_are_no_creature():
    names = [f"{word}/{number}.png" for word in "abcdefghijkl" for number in (1, 2)]
    assert dominant_creature(names) is None
    assert dominant_creature([*names, *(f"a/1-{form}.png" for form in range(20))]).startswith("Bulbasaur (1)")


def test_a_second_style_and_a_small_set_are_no_strays():
    dark = strays()["dark"]
    assert not unlike_the_rest([look_of(picture) for picture in [*creatures(40), *[dark] * 20]])
    assert not unlike_the_rest([look_of(picture) for picture in [*creatures(10), dark]])


def test_a_dominant_creature_is_named():
    unown = [f"201-{letter}.png" for letter in "abcdefghijklmnopqrstuvwxyz"]
    assert dominant_creature([*unown, *(f"{n}.png" for n in range(1, 7))]).startswith("Unown (201) is 81 %")
    in_folders = [*(f"Unown/{n:08x}.png" for n in range(18)), "Abra/1.png", "Abra/2.png"]
    assert dominant_creature(in_folders).startswith("Unown (201) is 90 %")
    assert dominant_creature([f"{name}/1.png" for name in ("Abra", "Mew", "Muk", "Onix") * 5]) is None
    assert dominant_creature([f"{n}.png" for n in range(1, 100)]) is None
    assert dominant_creature(unown[:8]) is None
    assert dominant_creature([f"frame_{n:03}.png" for n in range(50)]) is None


def test_convert_says_so(tmp_path):
    (tmp_path / "in").mkdir()
    for n, picture in enumerate(creatures(30)):
        picture.save(tmp_path / "in" / f"25-{n}.png")
    strays()["dark"].save(tmp_path / "in" / "7.png")
    report = convert([tmp_path / "in"], tmp_path / "o.zip", ConvertOptions(resolution=64), workers=1)
    assert [remark.split(":")[0].split(",")[0] for remark in report.remarks] == [
        "Pikachu (25) is 97 % of the set",
        "creatures fill 73 % of the frame's side (median)",
        "7.png (another background) is unlike the rest of the set",
    ]
