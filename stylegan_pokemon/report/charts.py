"""Which charts a report has: the numbers that they draw, and what each means in plain words."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from stylegan_pokemon.report.course import measure_title
from stylegan_pokemon.report.finding import Plan, Record, dig
from stylegan_pokemon.report.plots import Chart, Read, Series, at, known
from stylegan_pokemon.report.words import number
from stylegan_pokemon.training.settings.config import ADA_CAP

SECTIONS: dict[str, tuple[str, str, str]] = {
    "quality": ("Quality", "How good are the images?",
                "Distances to the training images. The dashed line compares one half of the training images"
                " with the other: a generator can hardly do better."),
    "sprites": ("Sprites", "Do the sprites hold together?",
                "Defects that people see and feature networks overlook. Grey: the same measured on the"
                " training images."),
    "health": ("Training", "Is the training stable?",
               "Two networks compete. The generator draws images; the discriminator tells them from training"
               " images; the generator learns from what gave its images away."),
    "copying": ("Copies and diversity", "Does it copy or repeat images?",
                "On a small data set a generator may copy training images or draw the same few again and"
                " again."),
    "machine": ("Time and memory", "Time and memory", ""),
}  # fmt: skip
"""Parts of the page in their order: name in the contents, heading and introduction."""


def charts_of(records: Sequence[Record], plan: Plan) -> list[Chart]:
    """The charts that these records have something for, in their order on the page."""
    charts = [*_metrics(records), *_sprites(), *_training(records, plan), *_copying(),
              *_machine()]  # fmt: skip
    return known(charts, records)


# ------------------------------------------------------------------ metrics and sprites

_METRICS: dict[str, tuple[str, str]] = {
    "kid": (
        "Kernel distance (KID)",
        "Distance between generated and training images, unbiased on small data sets. Lower is better. It"
        " chooses the best snapshot, among those whose sprites hold together. The band is the 95 % interval;"
        " differences within it mean nothing.",
    ),
    "fd": (
        "Fréchet distance (FD)",
        "Distance between all generated and all training images in the features of a network that was"
        " trained on photographs. Lower is better. Compare it only with numbers from the same feature"
        " network and the same number of images.",
    ),
    "fid": (
        "Fréchet inception distance (FID)",
        "Distance between all generated and all training images. Lower is better.",
    ),
    "precision": (
        "Precision and recall",
        "Precision: share of generated images that look like training images. Recall: share of the training"
        " images' diversity that the generator covers. High precision with recall near 0 is mode collapse."
        " F1 combines the two.",
    ),
    "density": (
        "Density and coverage",
        "Coverage: share of training images with a generated image nearby; 1 is best. Density: how closely"
        " generated images crowd around training images; about 1 is right.",
    ),
    "is": (
        "Inception score",
        "High when images show clear and different objects to a network of photographs. It says little about"
        " sprites, but published work quotes it.",
    ),
    "swd": (
        "Drawing style (SWD)",
        "Distance between small patches of generated and training images, from fine lines to large shapes"
        " (sliced Wasserstein distance). Lower is better.",
    ),
}
"""Title and explanation of a family of metrics, in the order of the charts."""
_SIBLINGS = {"recall": "precision", "f1": "precision", "coverage": "density"}  # share a chart, from 0 to 1

_SPRITE: dict[str, tuple[str, tuple[float, float], str, str]] = {
    "whole": ("Sprites in one piece", (0, 1), "",
              "Share of generated sprites whose largest connected part holds at least 97 % of them."
              " Fine-tuning breaks sprites before it mends them. A snapshot with many more broken sprites"
              " than another is never the best, however low its KID."),
    "haze": ("Haze in the background", (0, 5), "%",
             "Share of the background, away from the sprite, that is neither clean nor part of anything:"
             " veils, smears, shadows."),
    "speckle": ("Speckle inside the sprite", (0, 2), "%",
                "Dots and noise away from lines and edges, in percent of the step from black to white."),
    "sharpness": ("Sharpness of the silhouette", (0, 1), "",
                  "Share of the step from sprite to background between two neighbouring pixels. 1 is a hard"
                  " edge; a blur is near 0."),
    "holes": ("Holes in the sprite", (0, 0), "",
              "Regions of background colour inside a sprite. White eyes on a white background count too, in"
              " generated and training images alike."),
    "saturation": ("Saturation", (0, 0), "",
                   "Strength of the colours (chroma in OKLab). 0 is grey. On small data sets colours may"
                   " fade during training; an earlier snapshot then looks better."),
    "palette": ("Colours of a sprite", (0, 0), "",
                "Number of colours that cover a sprite. Gradients where training images are flat raise it."),
}  # fmt: skip
"""Figures of sprites: title, least range of the axis, unit and explanation."""


def sprite_at(name: str, key: str) -> Read:
    """A function that reads part of a figure of sprites, such as the "value" of "whole"."""
    return at("metrics", "sprite", "figures", name, key)


def _sprites() -> list[Chart]:
    return [
        Chart(name, "sprites", title, explanation,
              (Series("generated images", sprite_at(name, "value"), sprite_at(name, "interval")),
               Series("training images", sprite_at(name, "reals"), faint=True)), range=range, unit=unit)
        for name, (title, range, unit, explanation) in _SPRITE.items()
    ]  # fmt: skip


def _metrics(records: Sequence[Record]) -> list[Chart]:
    """A chart for every family of metrics and feature network."""
    tables = [values for r in records if isinstance(values := dig(r, "metrics", "values"), dict)]
    groups: dict[tuple[str, str], list[str]] = {}
    for name in dict.fromkeys(str(name) for table in tables for name in table):
        family, _, features = name.partition("_")
        groups.setdefault((_SIBLINGS.get(family, family), features), []).append(name)
    order = list(_METRICS)
    keys = sorted(groups, key=lambda key: (order.index(key[0]) if key[0] in order else len(order), *key))
    return [_metric_chart(*key, groups[key], records) for key in keys]


def _metric_chart(family: str, features: str, names: list[str], records: Sequence[Record]) -> Chart:
    title, explanation = _METRICS.get(family, (family, "Another metric."))
    several = family in _SIBLINGS.values()
    series, lines = [], []
    for name in names:
        own = measure_title(name.partition("_")[0] if several else name)
        where = ("metrics", "values", name)
        series.append(Series(own, at(*where, "value"), at(*where, "interval")))
        floors = [floor for r in records if (floor := number(dig(r, *where, "floor"))) is not None]
        label = "halves of the training images" + (f": {own}" if several else "")
        lines += [(label, floor, own) for floor in floors[-1:]]
    # Not the name itself, which comes from a file: the id goes into the page's markup.
    id = "metric-" + re.sub(r"[^a-z0-9]+", "-", f"{family} {features}".lower())[:60]
    title += f", features of {features.replace('_', '-')}" if features else ""
    return Chart(id, "quality", title, explanation, tuple(series), tuple(lines), (0, 1) if several else None)


# ------------------------------------------------------------------ training


def _training(records: Sequence[Record], plan: Plan) -> list[Chart]:
    """Losses, overfitting and scores: whether the two networks are in balance."""
    controlled = (("target of r_t", plan.ada_target, "r_t"), ("cap of p", ADA_CAP, "augmentation p"))
    held_out = any(number(record.get("signs/heldout")) is not None for record in records)
    return [
        _critic() if plan.critic else Chart(
            "losses", "health", "Losses",
            "How wrong each network is. When one improves, the loss of the other rises. Steady, noisy lines"
            " are good. A discriminator loss of 0.69 is chance level. If the generator's loss keeps rising"
            " while the discriminator's losses approach 0, the discriminator has won.",
            _losses(), (("chance level", math.log(2), ""),)),
        Chart("waits", "health", "How often the discriminator waits",
              "Share of steps that skip the discriminator because it recognised the generated images too"
              " surely. At 1 it always waits for the generator; at 0 it never does.",
              (Series("share", at("D_waits")),), range=(0, 1), compared=False),
        Chart("classes", "health", "Class losses",
              "The first line shows how badly the discriminator classifies real images. It falls as the"
              " classes become distinguishable; only then can the generator learn them. The others are"
              " losses that ignore the class. They keep the images good while the classes are new.",
              (Series("class of real images", at("loss/D_class")),
               Series("generator, class-agnostic", at("loss/G_uncond")),
               Series("discriminator, generated, class-agnostic", at("loss/D_fake_uncond")),
               Series("discriminator, real, class-agnostic", at("loss/D_real_uncond"))), compared=False),
        *([] if not plan.knows("aug") else [Chart(
            "r_t", "health", "Overfitting: r_t and augmentation p",
            "r_t measures how surely the discriminator recognises its training images: 0 at the start, 1 when"
            " it has memorised them. While r_t is above its target, the augmentation probability p rises:"
            " images are rotated, shifted and recoloured, which makes them harder to memorise. If p is at its"
            " cap and r_t stays above the target, the data set is too small for more training."
            + (" r_v is the same for held-out images: 0 if they look like training images to the"
               " discriminator, 1 if they look generated." if held_out else ""),
            (Series("r_t", at("r_t")), Series("augmentation p", at("p")), Series("r_v", at("r_v"))),
            controlled if plan.aug == "ada" else (), (0, 1))]),
        Chart("signs", "health", "What does the discriminator take for real?",
              "Mean sign of its scores. +1: it takes all such images for real; −1: for generated. Real images"
              " should be somewhat above 0, generated ones below. "
              + ("Held-out images are real but were never shown in training: their distance from the real"
                 " line is what the discriminator has memorised." if held_out else
                 "With --holdout the chart also shows real images that were never trained on: they tell"
                 " learning from memorising."),
              _kinds("signs"), (("undecided", 0.0, ""),), (-1, 1), compared=False),
        Chart("scores", "health", "Scores of the discriminator",
              "Mean outputs of the discriminator, positive for “real”. The lines should stay within a few"
              " units of each other. If they keep drifting apart, the discriminator becomes too strong.",
              _kinds("scores"), (("undecided", 0.0, ""),), compared=False),
        Chart("r1", "health", "Gradient penalty (R1)",
              "How sharply the score of a real image changes with small changes of the image. The penalty"
              " keeps that small. A sudden rise announces trouble.",
              (Series("R1", at("r1/penalty")),), compared=False),
        Chart("gp", "health", "Gradient penalty",
              "How far the slope of the critic between real and generated images is from 1. While it is"
              " small, the scores measure a distance.",
              (Series("(slope − 1)²", at("gp/penalty")),), compared=False),
    ]  # fmt: skip


def _critic() -> Chart:
    return Chart(
        "losses", "health", "Losses of a critic",
        "This discriminator is a critic: it learns to score real images higher than generated ones. The"
        " discriminator's lines are the mean score of generated images and the negated score of real ones;"
        " the generator's loss is the negated score of its images. Scores have no fixed scale. They should"
        " stay bounded.", _losses(), compared=False,
    )  # fmt: skip


def _losses() -> tuple[Series, ...]:
    return (Series("generator loss", at("loss/G")),
            Series("discriminator loss, generated images", at("loss/D_fake")),
            Series("discriminator loss, real images", at("loss/D_real")),
            Series("discriminator loss, held-out images", at("loss/D_heldout")))  # fmt: skip


def _kinds(name: str) -> tuple[Series, ...]:
    return (Series("real", at(f"{name}/real")), Series("generated", at(f"{name}/fake")),
            Series("held out", at(f"{name}/heldout")))  # fmt: skip


# ------------------------------------------------------------------ copies and diversity


def _copying() -> list[Chart]:
    """Near copies and diversity."""
    diversity = ("metrics", "diversity")
    return [
        Chart("memorisation", "copying", "Near copies of training images",
              "Share of generated images that lie closer to a training image than training images usually lie"
              " to each other. Grey: the same share among the training images themselves. Far above it, the"
              " generator copies.",
              (Series("generated images", at("metrics", "memorisation", "near_copies")),
               Series("training images", at("metrics", "memorisation", "near_copies_reals"), faint=True),
               Series("held-out images", at("metrics", "memorisation_heldout", "near_copies_reals"))),
              range=(0, 0.02)),
        Chart("diversity", "copying", "Diversity",
              "Mean distance between generated images, as a share of that between training images. A fall"
              " towards 0 is mode collapse: the generator draws the same few images.",
              (Series("generated images", at(*diversity, "ratio")),),
              (("as diverse as the training images", 1.0, ""),), (0, 1.1)),
    ]  # fmt: skip


# ------------------------------------------------------------------ time and memory


def _machine() -> list[Chart]:
    """Time and memory."""
    return [
        Chart("speed", "machine", "Speed",
              "Seconds of training for 1,000 images. It rises when another program uses the machine, or when"
              " p adds costly augmentations.",
              (Series("seconds per 1,000 images", at("sec_per_kimg")),), range=(0, 1), unit="s"),
        Chart("memory", "machine", "Memory", "Peak memory of the program.",
              (Series("peak memory", lambda record: _gib(record.get("peak_memory_bytes"))),),
              range=(0, 0.1), unit="GiB"),
    ]  # fmt: skip


def _gib(value: Any) -> Any:
    """Bytes as GiB; anything but a number stays what it is."""
    size = number(value)
    return value if size is None else size / 2**30
