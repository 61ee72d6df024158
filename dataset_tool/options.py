"""Every setting of a conversion, once, with its default and its reason; the command line comes from here.

This module is read for `--help` and therefore imports neither Pillow nor NumPy.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from dataset_tool.problems import UserError

FILTERS = ("auto", "nearest", "box", "bicubic", "lanczos")
LABEL_KINDS = ("type", "type2", "legendary", "pseudo-legendary", "generation", "colour", "folder")
NO_LABELS = "none"
RESOLUTIONS = (8, 16, 32, 64, 128, 256, 512, 1024)


def _setting(default: Any, help: str, **option: Any) -> Any:
    """A field; `help` and `option` say how the command line shows it."""
    return field(default=default, metadata={"help": help, **option})


@dataclass(frozen=True)
class ConvertOptions:
    """What makes up a data set, apart from its files; raises UserError for a value that cannot be used.

    Two conversions with equal options and equal files write equal bytes, so whatever changes the result is
    in here and whatever does not (number of processes, progress bar) is not.
    """

    # 512 is the largest size that a card of 8 GB fine-tunes in the full-width configuration.
    resolution: int = _setting(512, "Side of the square pictures: a power of two from 8 to 1024.")
    # Official artwork is shown on white, and white is what all earlier Pokémon data sets used.
    background: str = _setting(
        "white",
        "Colour behind transparent parts: white, black, #rrggbb, a CSS colour name, or random "
        "(one opaque colour per picture, from --seed and the file name).",
    )
    # Off, since the start of every fine-tuning draws three channels, and the fourth costs it some kimg.
    alpha: bool = _setting(
        False,
        "Keep transparency as a fourth channel, so that networks learn to draw transparent sprites. Colours "
        "are stored premultiplied by alpha; invisible pixels are 0, 0, 0, 0. --key cuts out opaque pictures.",
    )
    # No single filter suits both 96-pixel sprites and painted artwork; auto decides for every picture.
    filter: str = _setting(
        "auto",
        "Filter for resizing. auto enlarges pixel art by a whole factor with hard edges and uses lanczos for "
        "everything else. Any other filter is used for every picture.",
        choices=FILTERS,
    )
    # Not auto, since a picture that is cut wrongly is lost.
    sheet: str | None = _setting(
        None,
        "Cut sprite sheets: columns and rows such as 4x1, for every picture, or auto, which cuts what looks "
        "like a sheet, by its grid or by the empty space between sprites.",
        metavar="4x1|auto",
    )
    # Off, since where a creature stands in its frame is a decision of the artist.
    trim: bool = _setting(False, "Crop to the visible sprite first, so that small creatures fill the frame.")
    # In percent, so that it means the same at every resolution; 0 leaves the artist's own frame.
    margin: float = _setting(0.0, "Empty frame around the picture, in percent of the side (0 to 40).")
    # Off, since a white belly that touches the border of an opaque picture would be lost.
    key: bool = _setting(
        False, "Make a uniform opaque background transparent, by flood fill from the borders."
    )
    # JPEG noise around a flat white was measured within 10 levels at quality 75 and above.
    tolerance: int = _setting(
        12,
        "For --key, and for --trim of opaque pictures: largest difference from the border's colour, in any "
        "channel (0 to 255), that still counts as background.",
    )
    # Off, since dropping pictures is never right unasked.
    dedupe: bool = _setting(
        False, "Drop pictures that are the same or nearly the same as another; recoloured ones are kept."
    )
    labels: str | None = _setting(
        None,
        "Class of every picture: " + "|".join(LABEL_KINDS) + "|csv:FILE[:COLUMN]. The Pokédex kinds read the "
        "number or name of the file (25.png, 25-belle, mr-mime), or the folder's name. Splits such as train/ "
        "are no classes. A table with nearly as many classes as pictures is refused unless COLUMN is given. "
        "none leaves labels out.  [default: the labels of a dataset zip are kept]",
        metavar="KIND",
        is_path=True,
    )
    include: tuple[str, ...] = _setting(
        (),
        "Use only files that match this pattern (repeatable). * also crosses folders; a pattern is tried on "
        "the whole path and on the bare name, upper and lower case alike. FOLDER/ means all files in it.",
        metavar="PATTERN",
    )
    exclude: tuple[str, ...] = _setting(
        (), "Leave out files that match this pattern (repeatable).", metavar="PATTERN"
    )
    # Off, since among a thousand collected pictures one is always broken.
    strict: bool = _setting(False, "Make any problem fatal: nothing is written and the exit status is 2.")
    seed: int = _setting(0, "Seed of --background random.")

    def __post_init__(self) -> None:
        if self.resolution not in RESOLUTIONS:
            raise UserError(
                f"--resolution {self.resolution} cannot be used: choose a power of two from 8 to 1024, "
                f"such as {min(RESOLUTIONS, key=lambda side: abs(side - self.resolution))}"
            )
        if self.alpha and self.background != "white":
            raise UserError(f"--background {self.background} fills what --alpha keeps: leave one of them out")
        if self.filter not in FILTERS:
            raise UserError(f"--filter {self.filter} is unknown: choose one of {', '.join(FILTERS)}")
        if self.sheet is not None:
            parse_sheet(self.sheet)
        if not 0 <= self.margin <= 40:
            raise UserError(f"--margin {self.margin:g} cannot be used: give 0 to 40 percent of the side")
        if not 0 <= self.tolerance <= 255:
            raise UserError(f"--tolerance {self.tolerance} cannot be used: give 0 to 255 levels")
        if self.labels not in (None, NO_LABELS, *LABEL_KINDS):
            kind, _, file = self.labels.partition(":")
            if kind != "csv" or not file:
                raise UserError(
                    f"--labels {self.labels} is unknown: choose one of {', '.join(LABEL_KINDS)} or "
                    "csv:FILE[:COLUMN]"
                )


def parse_sheet(text: str) -> tuple[int, int] | None:
    """Columns and rows that `--sheet` names, such as `4x1`; None for `auto`. Raises UserError."""
    if text == "auto":
        return None
    found = re.fullmatch(r"([0-9]{1,3})[x×]([0-9]{1,3})", text.strip().lower())
    if not found or not (0 < int(found[1]) <= 256 and 0 < int(found[2]) <= 256):
        raise UserError(f"--sheet {text} cannot be used: give columns and rows, such as 4x1, or auto")
    return int(found[1]), int(found[2])
