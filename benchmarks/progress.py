"""Whether the earlier systems learn here: each on its own kind of set, after 5 and after 130 passes over it.

    python -m benchmarks.progress --sprites pokemon.zip --gen5 sprites_gen5.zip

dcgan64 learns from the gen-5 sprites, normal and shiny, as its author's did, the others from those of
--sprites; every system in its own size.
"""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks import harness

_OWN = {  # system: which set, resolution of the zip
    "dcgan64": ("gen5", 64),
    "dcgan64-balanced": ("sprites", 64),
    "dcgan-tricks": ("sprites", 64),
    "progan": ("sprites", 64),
    "convgan120": ("sprites", 128),  # resampled to 120 when it is read
}


@click.command()
@harness.options
@click.option(
    "--gen5",
    type=click.Path(exists=True, dir_okay=False),
    help="The zip of gen-5 sprites.  [default: forged]",
)
@click.option("--only", help="These systems, separated by commas.")
@click.option("--seed", default="0", show_default=True)
def main(sprites: str | None, quick: bool, gen5: str | None, only: str | None, seed: str) -> None:
    """Train every system for 130 passes and measure it twice."""
    systems = only.split(",") if only else list(_OWN)
    if unknown := [system for system in systems if system not in _OWN]:
        raise click.ClickException(f"--only {unknown[0]}: there are {', '.join(_OWN)}")
    for system in systems:
        name, size = _OWN[system]
        data = harness.dataset(gen5 if name == "gen5" else sprites, quick, name=name, size=size)
        pictures = _pictures(data)
        early, late = (n * pictures / 1000 for n in (harness.EARLY_PASSES, harness.PASSES))
        if quick:
            early, late = 0.04, 0.08
        if system == "dcgan64-balanced" and not quick:
            run = harness.table_run(system, seed, data, late, quick)
        else:
            run = harness.trained(
                f"progress-{system}-{seed}{'-quick' if quick else ''}", data, late, early,
                *("--arch", system, "--seed", seed), *(["--batch", "16"] if quick else []),
            )  # fmt: skip
        first, last = (
            harness.measured(harness.snapshot(run, kimg), data, pictures) for kimg in (early, late)
        )
        row = {
            "pictures": pictures,
            "fd_after_5_passes": first["fd"],
            "improvement": 1 - last["fd"] / first["fd"],
        }
        harness.record("progress", f"{system}, seed {seed}", row | last, quick)


def _pictures(data: Path) -> int:
    from stylegan_pokemon.data.dataset import SpriteDataset

    with SpriteDataset(data) as dataset:
        return len(dataset)


if __name__ == "__main__":
    main()
