"""What the embedded checkpoint is worth: fine-tuned from it and from scratch, the same settings, by kimg.

python -m benchmarks.starting_point --sprites pokemon.zip
"""

from __future__ import annotations

import click

from benchmarks import harness


@click.command()
@harness.options
@click.option("--ticks", default=10, show_default=True, help=f"Length, in ticks of {harness.TICK:g} kimg.")
def main(sprites: str | None, quick: bool, ticks: int) -> None:
    """Train both and measure them along the way."""
    data = harness.dataset(sprites, quick)
    pictures = harness.pictures(data)
    length = harness.QUICK_SHARE if quick else ticks * harness.TICK
    row = {"kimg": 0.0} | harness.measured(harness.EMBEDDED, data, pictures)
    harness.record("starting point", f"fine-tuned, seed {harness.SEED}, 0 kimg", row, data)
    for system in ("sprites", "fine-tuned"):
        run = harness.table_run(system, harness.SEED, data, quick, length)
        for at in (kimg for kimg in harness.snapshots(run) if kimg <= length + 0.1):
            row = {"kimg": at} | harness.measured(harness.snapshot(run, at), data, pictures)
            harness.record("starting point", f"{system}, seed {harness.SEED}, {at:g} kimg", row, data)


if __name__ == "__main__":
    main()
