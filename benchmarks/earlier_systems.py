"""The table of systems at equal wall time: what dcgan64 needs for its 130 passes over the set.

    python -m benchmarks.earlier_systems --sprites pokemon.zip

Every system is first timed alone; the time is then turned into kimg, so that the trainings themselves may run
beside other work. The distance is measured along the way, too: "course" is the FD after so many seconds.
Hours on two cores; started again, it goes on where it stopped.
"""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks import harness

_ON_THE_WAY = 5  # snapshots of a run whose FD is measured


@click.command()
@harness.options
@click.option("--seeds", default="0,1", show_default=True, help="Of the trainings.")
@click.option("--only", help="These systems, separated by commas.")
def main(sprites: str | None, quick: bool, seeds: str, only: str | None) -> None:
    """Train and measure all systems for as long as dcgan64 takes."""
    chosen = harness.chosen(only, harness.SYSTEMS)
    data = harness.dataset(sprites, quick)
    pictures = harness.pictures(data)
    for seed in seeds.split(","):
        for system in chosen:
            kimg, seconds = harness.equal_time(system, data, quick)
            run = harness.table_run(system, seed, data, quick, kimg)
            speed = harness.speed(system, data, quick)
            row = {"kimg": kimg, "seconds": seconds, "sec_per_kimg": speed}
            row |= harness.measured(harness.snapshot(run, kimg), data, pictures)
            row["course"] = [*_course(run, kimg, speed, data, pictures), [seconds, row["fd"]]]
            harness.record("systems", f"{system}, seed {seed}", row, data)


def _course(run: Path, kimg: float, speed: float, data: Path, pictures: int) -> list[list[float]]:
    """Seconds of training and FD of at most five snapshots before `kimg`."""
    before = [at for at in harness.snapshots(run) if at < 0.99 * kimg]
    chosen = before[:: -(-len(before) // _ON_THE_WAY) or 1]
    return [[at * speed, harness.distance(harness.snapshot(run, at), data, pictures)] for at in chosen]


if __name__ == "__main__":
    main()
