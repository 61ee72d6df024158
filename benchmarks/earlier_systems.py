"""The table of systems at equal wall time: what dcgan64 needs for its 130 passes over the set.

    python -m benchmarks.earlier_systems --sprites pokemon.zip

Every system is first timed alone; the time is then turned into kimg, so that the trainings themselves may run
beside other work. Hours on two cores; started again, it goes on where it stopped.
"""

from __future__ import annotations

import click

from benchmarks import harness

_PASSES_EARLY = 5  # an earlier system's own start, which it is to improve on


@click.command()
@harness.options
@click.option("--seeds", default="0,1", show_default=True, help="Of the trainings.")
@click.option("--only", help="These systems, separated by commas.")
def main(sprites: str | None, quick: bool, seeds: str, only: str | None) -> None:
    """Train and measure all systems for as long as dcgan64 takes."""
    data = harness.dataset(sprites, quick)
    pictures = 40 if quick else 819
    kimg_of_dcgan = 0.16 if quick else harness.PASSES * pictures / 1000
    budget = kimg_of_dcgan * harness.speed("dcgan64", data, quick)
    for system in only.split(",") if only else harness.SYSTEMS:
        seconds = harness.speed(system, data, quick)
        kimg = round(budget / seconds, 3)
        early = _PASSES_EARLY * pictures / 1000
        tick = min(early, kimg)
        for seed in seeds.split(","):
            name = f"table-{system}-{seed}{'-quick' if quick else ''}"
            more = [*harness.SYSTEMS[system], "--seed", seed, "--keep", "5"]
            run = harness.trained(name, data, kimg, tick, *more, *(["--batch", "16"] if quick else []))
            row = {"kimg": kimg, "seconds": budget, "sec_per_kimg": seconds}
            row |= harness.measured(harness.snapshot(run, kimg), data, pictures)
            if system.startswith("dcgan"):
                first = harness.measured(harness.snapshot(run, early), data, pictures)
                row["fd_after_5_passes"] = first["fd"]
            harness.record("systems", f"{system}, seed {seed}", row, quick)


if __name__ == "__main__":
    main()
