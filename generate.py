#!/usr/bin/env python3
"""Pictures, sheets, films and edits from a trained network.

    python generate.py --trunc 0.7                      seeds 0-63 of the newest snapshot: pictures and a grid
    python generate.py sweep --seeds 0-7                the same seeds at truncation -1 … 1.2, labelled
    python generate.py adaptation --trunc 0.7           the same seeds from the start of training to its end
    python generate.py interpolate --seeds 1,5,9-12     a loop from seed to seed, as GIF (--format mp4, webp)
    python generate.py mix --rows 0-3 --cols 4-9        builds of some, colours of others
    python generate.py directions --kind named          what --edit can change: bigger, rounder, bluer, …
    python generate.py breed 21 100                     sixteen children of two creatures

Every command takes --network (a file or a run directory), --class, --outdir; `--help` lists the rest.
"""

from dataset_tool.missing import packages_needed

if __name__ == "__main__":
    with packages_needed():
        from stylegan_pokemon.cli.generate import main

        main()
