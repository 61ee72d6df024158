"""Small real networks, and a run directory as training leaves it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from stylegan_pokemon.checkpoint import Networks, save
from stylegan_pokemon.networks.config import GeneratorConfig
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.render.images import save_png
from stylegan_pokemon.render.loaded import LoadedGenerator

CLASSES = ["fire", "water", "Grass", "7"]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Networks this small are faster on one thread, above all where several test runs share the processor."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def make_generator(seed: int = 0, **changes) -> Generator:
    """A 16 × 16 generator with random weights, an average w and noise that shows."""
    settings = {
        "img_resolution": 16,
        "z_dim": 16,
        "w_dim": 16,
        "num_layers": 2,
        "channel_base": 128,
        "channel_max": 16,
    }
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        G = Generator(GeneratorConfig(**{**settings, **changes}))
        G.mapping.w_avg.copy_(torch.randn(G.w_dim) * 0.3)
        for name, parameter in G.named_parameters():
            if name.endswith("noise_strength"):
                parameter.data.fill_(0.2)
    return G.eval().requires_grad_(False)


@pytest.fixture(scope="session")
def generator() -> Generator:
    return make_generator()


@pytest.fixture(scope="session")
def conditional() -> Generator:
    return make_generator(c_dim=len(CLASSES))


@pytest.fixture(scope="session")
def source(generator) -> LoadedGenerator:
    return LoadedGenerator(generator, Path("tiny.safetensors"), torch.device("cpu"), None)


@pytest.fixture(scope="session")
def conditional_source(conditional) -> LoadedGenerator:
    return LoadedGenerator(conditional, Path("tiny.safetensors"), torch.device("cpu"), CLASSES)


def write_snapshot(path: Path, G: Generator, **config) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save(path, Networks(G_ema=G, config={"generator": G.config.to_json(), **config}))
    return path


def make_run(folder: Path, kimgs=("000000", "000000.5", "000010"), **config) -> Path:
    """A run with a snapshot and a fakes picture per tick; the networks differ from tick to tick."""
    c_dim = len(config.get("classes", ()))
    for i, kimg in enumerate(kimgs):
        write_snapshot(
            folder / "snapshots" / f"{kimg}.safetensors", make_generator(seed=i, c_dim=c_dim), **config
        )
        shade = np.full((32, 64, 3), 255 - 40 * i, dtype=np.uint8)
        shade[8:24, 4 + 8 * i : 20 + 8 * i] = (200, 30, 60)
        save_png(folder / f"fakes{kimg}.png", shade)
    (folder / "config.json").write_text("{}", encoding="utf-8")
    return folder


@pytest.fixture
def run(tmp_path) -> Path:
    return make_run(tmp_path / "runs" / "00003-forge-none")


def blobs(count: int = 12, size: int = 32, seed: int = 0) -> list[np.ndarray]:
    """Frames of soft saturated discs that wander over white: thousands of colours, as in a real film."""
    rng = np.random.default_rng(seed)
    colours = rng.integers(0, 256, (4, 3))
    y, x = np.mgrid[:size, :size] / size
    frames = []
    for i in range(count):
        frame = np.full((size, size, 3), 255.0)
        for k, colour in enumerate(colours):
            angle = 2 * np.pi * (i / count + k / 4)
            distance = np.hypot(x - 0.5 - 0.3 * np.cos(angle), y - 0.5 - 0.3 * np.sin(angle))
            cover = np.clip((0.2 - distance) / 0.1, 0, 1)[..., None]
            frame = frame * (1 - cover) + colour * cover * (0.6 + 0.4 * x[..., None])
        frames.append(frame.round().astype(np.uint8))
    return frames
