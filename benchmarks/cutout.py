"""Cut-outs by training and by flood fill.

    python -m dataset_tool forge creatures --count 600 --style sprite --size 128 --seed 5
    python -m dataset_tool convert creatures alpha64.zip --alpha --resolution 64
    python finetune.py --data alpha64.zip --mirror --kimg 1.2
    python -m benchmarks.cutout alpha64.zip --network runs --adaptation 1

The flood fill is that of `convert --key`. On drawn creatures it is compared with their true alpha. Generated
creatures have no true alpha: there the network's own alpha and the fill of the same pictures, laid on white,
are compared with each other.
"""

from __future__ import annotations

import click
import numpy as np
from PIL import Image

from dataset_tool.background import key_out
from dataset_tool.options import ConvertOptions
from stylegan_pokemon.api import generate, load
from stylegan_pokemon.data.dataset import SpriteDataset
from stylegan_pokemon.render.images import on_white


def filled(pictures: np.ndarray) -> np.ndarray:
    """Alpha 0 … 1 of pictures uint8 [N, H, W, 3] on white by flood fill: [N, H, W]; 1 where it finds none."""
    alphas = []
    for picture in pictures:
        keyed = key_out(Image.fromarray(picture).convert("RGBA"), ConvertOptions.tolerance)
        alphas.append(np.ones(picture.shape[:2]) if keyed is None else np.asarray(keyed)[..., 3] / 255)
    return np.stack(alphas)


def figures(alpha: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """How alpha [N, H, W] differs from another, in percent."""
    difference = alpha - other
    area = other.sum()
    return {
        "mean difference, of full opacity": 100 * float(np.abs(difference).mean()),
        "pixels more than a quarter apart": 100 * float((np.abs(difference) > 0.25).mean()),
        "missing, of the creatures' area": 100 * float(np.maximum(-difference, 0).sum() / area),
        "too much, of the creatures' area": 100 * float(np.maximum(difference, 0).sum() / area),
    }


@click.command()
@click.argument("data")
@click.option("--network", help="Network trained on DATA, as generate.py takes it.")
@click.option("--count", default=600, show_default=True, help="Pictures of either kind.")
@click.option("--trunc", default=0.7, show_default=True, help="Truncation psi of generated pictures.")
@click.option("--adaptation", type=float, help="Of a fine-tuned network: 0 is its start, 1 its end.")
def main(data: str, network: str | None, count: int, trunc: float, adaptation: float | None) -> None:
    """Compare cut-outs on the pictures of DATA, a set with alpha, and of a network."""
    with SpriteDataset(data) as dataset:
        drawn = dataset.pictures(list(range(min(count, len(dataset)))))
    print("drawn creatures: flood fill against their true alpha")
    for name, value in figures(filled(on_white(drawn)), drawn[..., 3] / 255).items():
        print(f"  {name:<34} {value:6.2f} %")
    if network is None:
        return
    made = generate(load(network, adaptation=adaptation), range(count), trunc=trunc)
    print("generated creatures: flood fill against the network's own alpha (neither is the truth)")
    for name, value in figures(filled(on_white(made)), made[..., 3] / 255).items():
        print(f"  {name:<34} {value:6.2f} %")


if __name__ == "__main__":
    main()
