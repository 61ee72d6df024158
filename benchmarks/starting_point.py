"""What the embedded checkpoint is worth: fine-tuned from it and from scratch, the same settings, by kimg.

python -m benchmarks.starting_point --sprites pokemon.zip
"""

from __future__ import annotations

import click

from benchmarks import harness


@click.command()
@harness.options
@click.option("--ticks", default=10, show_default=True, help=f"Length, in ticks of {harness.TICK:g} kimg.")
@click.option("--seed", default="0", show_default=True)
def main(sprites: str | None, quick: bool, ticks: int, seed: str) -> None:
    """Train both and measure them along the way."""
    data = harness.dataset(sprites, quick)
    pictures = 40 if quick else harness.PICTURES
    tick = 0.064 if quick else harness.TICK
    for system in ("sprites", "fine-tuned"):
        run = harness.table_run(system, seed, data, tick if quick else ticks * tick, quick)
        for step in range(1, 2 if quick else ticks + 1):
            at = round(step * tick, 3)
            row = {"kimg": at} | harness.measured(harness.snapshot(run, at), data, pictures)
            harness.record("starting point", f"{system}, seed {seed}, {at:g} kimg", row, quick)


if __name__ == "__main__":
    main()
