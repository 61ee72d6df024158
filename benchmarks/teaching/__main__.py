"""Teach a starting point for fine-tuning, here in place of `creatures64`:

    python -m dataset_tool forge mixed --count 30000 --style sprite --seed 100 --size 128
    python -m dataset_tool convert mixed mt64.zip --resolution 64 --trim --margin 1.5 --labels folder
    python -m benchmarks.teaching record mt64.zip --seed 100
    python -m benchmarks.teaching draw mt64.zip --start creatures64 --kimg 190
    python -m benchmarks.teaching ink mt64.zip --kimg 120
    python -m benchmarks.teaching map mt64.zip --steps 20000

Each lesson writes its networks, its figures and a picture to `runs/taught`, or where --out says. In the
picture the forge's creatures are above, the network's below. `finetune.py --resume
runs/taught/map.safetensors` goes on from the last lesson.
"""

from __future__ import annotations

import copy
import dataclasses
import time
from pathlib import Path

import click
import numpy as np
import safetensors.torch
import torch
from PIL import Image
from torch import nn

from benchmarks.teaching.choices import plans
from benchmarks.teaching.codes import Z_DIM, Codes, record
from benchmarks.teaching.critic import ToldCritic
from benchmarks.teaching.lessons import Pupil, draw_lesson, ink_lesson, map_lesson, picture_metric
from benchmarks.teaching.teacher import Teacher, features_of
from stylegan_pokemon.checkpoint import Networks, load, save
from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.devices import multiplies_in_bf16
from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.networks.layers import store_in_bf16
from stylegan_pokemon.render.images import grid, synthesize

_SHOWN = 48  # creatures of a picture
_WIDTH, _LAYERS = 640, 4  # of the mapping network
_AVERAGED = 16384  # latents behind the average of w
_CENTRES = 96  # of truncation: more than body plans, since heads and sides differ

_data = click.argument("data", type=click.Path(exists=True))
_out = click.option("--out", default="runs/taught", show_default=True, type=click.Path(path_type=Path))


@click.group(help="Teach a starting point what the forge knows of its creatures.")
def main() -> None:
    """The group; its commands are the steps."""


@main.command("record")
@_data
@click.option("--seed", default=100, show_default=True, help="That the forge was given.")
@_out
def record_command(data: str, seed: int, out: Path) -> None:
    """Write what the forge chose for each picture of DATA."""
    out.mkdir(parents=True, exist_ok=True)
    with SpriteDataset(data) as pictures:
        numbers = [int(Path(source).name.partition("-")[0]) for source in pictures.sources]
    record(seed, numbers, out / "choices.npz")


@main.command("draw")
@_data
@click.option("--start", required=True, help="Network whose synthesis learns; its D compares features.")
@click.option("--kimg", default=190.0, show_default=True, help="Thousands of pictures to learn from.")
@_out
def draw_command(data: str, start: str, kimg: float, out: Path) -> None:
    """Lesson 1: teacher and synthesis learn to draw the creatures of the choices."""
    codes = Codes(out / "choices.npz")
    G, D = _networks(start)
    drawn = copy.deepcopy(G)
    teacher, features = Teacher(codes, G.w_dim), features_of(codes)
    _compute_fast(G, D)
    log = _Log(out / "draw.txt")

    with SpriteDataset(data) as pictures:

        def tell(pupil: Pupil, kimg: int, figures: dict[str, float]) -> None:
            log(kimg, figures)
            averaged = pupil.ema["teacher"]
            drawn.synthesis.load_state_dict(pupil.ema["synthesis"].state_dict())
            with torch.no_grad():
                ws = averaged({name: values[:_SHOWN] for name, values in features.items()})
            _show(out / "draw.png", pictures, drawn, ws)
            _write(out / "draw.safetensors", drawn, D)
            safetensors.torch.save_file(averaged.state_dict(), out / "teacher.safetensors")

        draw_lesson(G.synthesis, teacher, D, features, pictures, kimg, tell)


@main.command("ink")
@_data
@click.option("--start", help="Networks to go on from; by default those of the first lesson.")
@click.option("--kimg", default=120.0, show_default=True, help="Thousands of pictures to learn from.")
@_out
def ink_command(data: str, start: str | None, kimg: float, out: Path) -> None:
    """Lesson 2: lines and faces, from a discriminator that is told the creature."""
    G, D = _networks(start or str(out / "draw.safetensors"))
    ws, plan = _taught(out, G.w_dim)
    drawn = copy.deepcopy(G)
    _compute_fast(G, D)
    log = _Log(out / "ink.txt")

    with SpriteDataset(data) as pictures:

        def tell(pupil: Pupil, kimg: int, figures: dict[str, float]) -> None:
            log(kimg, figures)
            drawn.synthesis.load_state_dict(pupil.ema["synthesis"].state_dict())
            _show(out / "ink.png", pictures, drawn, ws[:_SHOWN])
            _write(out / "ink.safetensors", drawn, D, kimg)

        critic = ToldCritic(D, len(plans()), G.w_dim)
        ink_lesson(G.synthesis, critic, ws, plan, pictures, kimg, tell)


@main.command("map")
@_data
@click.option("--steps", default=20000, show_default=True, help="Steps of 1,024 latents.")
@_out
def map_command(data: str, steps: int, out: Path) -> None:
    """Lesson 3: a new mapping network learns the teacher's w."""
    codes = Codes(out / "choices.npz")
    path = out / "ink.safetensors"
    old, D = _networks(str(path))
    ws, _ = _taught(out, old.w_dim)
    shape = {"z_dim": Z_DIM, "num_layers": _LAYERS, "layer_features": _WIDTH, "truncation_centres": _CENTRES}
    G = Generator(dataclasses.replace(old.config, **shape))
    G.synthesis.load_state_dict(old.synthesis.state_dict())
    missed = map_lesson(codes, ws, G.mapping, picture_metric(G.synthesis, ws), steps)
    click.echo(f"the mapping network misses {100 * missed:.1f} % of what pictures show of w")
    with torch.no_grad():
        G.mapping.w_avg.copy_(G.mapping(torch.randn(_AVERAGED, Z_DIM))[:, 0].mean(dim=0))
    with SpriteDataset(data) as pictures:
        _show(out / "map.png", pictures, G, _mapped(G, codes))
    _write(out / "map.safetensors", G, D, load(path).config.get("kimg", 0.0))


class _Log:
    """A line of figures for every 1,000 pictures, on the console and in a file."""

    def __init__(self, path: Path) -> None:
        self._path, self._began = path, time.monotonic()
        path.write_text("")

    def __call__(self, kimg: int, figures: dict[str, float]) -> None:
        minutes = (time.monotonic() - self._began) / 60
        line = f"{minutes:6.1f} min  kimg {kimg:4d}  " + "  ".join(f"{k} {v:.4f}" for k, v in figures.items())
        click.echo(line)
        with self._path.open("a") as file:
            file.write(line + "\n")


def _compute_fast(*networks: nn.Module) -> None:
    """Have networks compute in bfloat16 where the processor multiplies in it."""
    if multiplies_in_bf16():
        for network in networks:
            store_in_bf16(network)


def _networks(name: str) -> tuple[Generator, Discriminator]:
    networks = load(name)
    if not isinstance(networks.G_ema, Generator) or not isinstance(networks.D, Discriminator):
        raise click.ClickException(f"{name} lacks G_ema or D of StyleGAN2; name a snapshot of a run")
    return networks.G_ema, networks.D


def _taught(out: Path, w_dim: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The teacher's w [N, w_dim] of all creatures, and their plans [N]."""
    codes = Codes(out / "choices.npz")
    teacher, features = Teacher(codes, w_dim), features_of(codes)
    teacher.load_state_dict(safetensors.torch.load_file(out / "teacher.safetensors"))
    with torch.no_grad():
        parts = [
            teacher({name: values[rows] for name, values in features.items()})
            for rows in torch.arange(len(codes)).split(512)  # weights of a plan are copied for each row
        ]
    return torch.cat(parts), features["plan"]


def _write(path: Path, G: Generator, D: Discriminator, kimg: float = 0) -> None:
    """`kimg` counts what D has learnt from beside G, which says whether it may judge by itself."""
    networks = Networks(G_ema=G, D=D, config={"kimg": float(kimg)})
    networks.record_architectures()
    save(path, networks)


def _mapped(G: Generator, codes: Codes) -> torch.Tensor:
    """w of the first creatures."""
    rows = np.arange(min(_SHOWN, len(codes)))
    with torch.no_grad():
        return G.mapping(torch.from_numpy(codes.latents(rows, np.random.default_rng(0))))[:, 0]


def _show(path: Path, pictures: SpriteDataset, G: Generator, w: torch.Tensor) -> None:
    made = list(synthesize(G, w[:, None].expand(-1, G.num_ws, -1)))
    real = pictures.pictures(np.arange(len(w)))
    sheet = np.concatenate([grid(list(real), 12), grid(made, 12)])
    Image.fromarray(sheet).save(path)


if __name__ == "__main__":
    main()
