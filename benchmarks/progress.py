"""Whether the earlier systems learn here: each on its own kind of set, after 5 and after 130 passes over it.

    python -m benchmarks.progress --sprites pokemon.zip --gen5 sprites_gen5.zip

As their authors had it, dcgan64 learns from the gen-5 sprites, normal and shiny (in a row of its own from the
sprites of the other tables, too), dcgan-tricks at 28×28 from trimmed sprites, progan by type, convgan120 at
120×120. (dcgan-tricks at 128×128 and progan up to there would take four times as long as at 64×64.) The two
that take hours multiply in bfloat16.
"""

from __future__ import annotations

from typing import Any

import click

from benchmarks import harness

_OWN: dict[str, tuple[str, dict[str, Any], list[str]]] = {  # row: system, its set, its options
    "dcgan64": ("dcgan64", {"name": "gen5"}, []),
    "dcgan64-sprites": ("dcgan64", {}, []),
    "dcgan64-balanced": ("dcgan64-balanced", {}, []),
    "dcgan-tricks": ("dcgan-tricks", {"trimmed": True}, ["--size", "28"]),
    "progan": ("progan", {"labels": True}, ["--cond", "--precision", "bf16"]),
    "convgan120": ("convgan120", {"size": 128}, ["--precision", "bf16"]),  # resampled to 120 when it is read
}
_TABLES = ("dcgan64-sprites", "dcgan64-balanced")  # whose run is that of the table of systems


@click.command()
@harness.options
@click.option(
    "--gen5",
    type=click.Path(exists=True, dir_okay=False),
    help="The zip of gen-5 sprites.  [default: forged]",
)
@click.option("--only", help="These rows, separated by commas.")
def main(sprites: str | None, quick: bool, gen5: str | None, only: str | None) -> None:
    """Train every system for 130 passes and measure it twice."""
    for name in harness.chosen(only, _OWN):
        system, kind, more = _OWN[name]
        data = harness.dataset(gen5 if kind.get("name") == "gen5" else sprites, quick, **kind)
        pictures = harness.pictures(data)
        early, late = (n * pictures / 1000 for n in (harness.EARLY_PASSES, harness.PASSES))
        if quick:
            early, late = 0.04, 0.08
        if name in _TABLES and not quick:
            run = harness.table_run(system, harness.SEED, data, quick, late)
        else:
            run = harness.trained(
                f"progress-{name}-{harness.SEED}", data, late, early,
                *("--arch", system, "--seed", harness.SEED), *more, *(["--batch", "16"] if quick else []),
            )  # fmt: skip
        first, last = (
            harness.measured(harness.snapshot(run, kimg), data, pictures) for kimg in (early, late)
        )
        row = {
            "pictures": pictures,
            "arithmetic": "bf16" if "bf16" in more else "fp32",
            "fd_after_5_passes": first["fd"],
            "improvement": 1 - last["fd"] / first["fd"],
        }
        harness.record("progress", f"{name}, seed {harness.SEED}", row | last, data)


if __name__ == "__main__":
    main()
