"""What the embedded checkpoint is worth: fine-tuned from it and from scratch, the same settings, by kimg.

    python -m benchmarks.starting_point --sprites pokemon.zip
"""

from __future__ import annotations

import click

from benchmarks import harness


@click.command()
@harness.options
@click.option("--kimg", default=40.0, show_default=True, help="Length of both trainings.")
@click.option("--seed", default="0", show_default=True)
def main(sprites: str | None, quick: bool, kimg: float, seed: str) -> None:
    """Train both and measure them along the way."""
    data = harness.dataset(sprites, quick)
    pictures = 40 if quick else 819
    kimg = 0.064 if quick else kimg
    tick = kimg / 8
    for system in ("sprites", "fine-tuned"):
        name = f"start-{system}-{seed}{'-quick' if quick else ''}"
        run = harness.trained(name, data, kimg, tick, *harness.SYSTEMS[system], "--seed", seed)
        for step in range(1, 9):
            at = step * tick
            row = {"kimg": at} | harness.measured(harness.snapshot(run, at), data, pictures)
            harness.record("starting point", f"{system}, seed {seed}, {at:g} kimg", row, quick)


if __name__ == "__main__":
    main()
