"""Which metrics there are, and what is measured by default. This module imports no torch."""

from __future__ import annotations

from stylegan_pokemon.errors import UserError

IN_WORDS = {
    "fd": "Fréchet distance; called FID with the standard feature networks",
    "kid": "kernel distance, unbiased for small sets; it chooses the best snapshot",
    "pr": "precision and recall",
    "dc": "density and coverage",
    "is": "inception score",
    "ppl": "perceptual path length",
    "nn": "copies of training pictures",
    "sprite": "build of the sprites: one piece, clean background, sharp edges",
    "swd": "drawing style: sliced Wasserstein distance of patches",
}
METRICS = tuple(IN_WORDS)
CHEAP = ("fd", "kid", "pr", "nn", "sprite", "swd")
"""By default: Fréchet and kernel distance, precision and recall, copying, the sprites' build and style."""
OF_PIXELS = ("sprite", "swd")
"""These need no feature network."""
DEFAULT_FEATURES = "efficientnet_lite1"
"""The feature network that comes with the program."""
STANDARD = "standard"
"""The official feature networks, Inception and VGG16."""
MOST_BY_DEFAULT = 1000
"""Generated pictures to measure, at most."""


def parse_names(text: str) -> tuple[str, ...]:
    """Metrics such as "fd,kid" in the order of METRICS, each once; "" and "none" are none.

    Raises UserError for an unknown one.
    """
    asked = [name.strip().lower() for name in text.split(",") if name.strip()]
    if asked == ["none"]:
        return ()
    for name in asked:
        if name not in METRICS:
            raise UserError(
                f"--metrics: there is no metric “{name}”; choose among {', '.join(METRICS)}, or none"
            )
    return tuple(name for name in METRICS if name in asked)


def metrics_num_of(resolution: int, images: int, device: str, precision: str = "fp32") -> int:
    """Number of generated pictures to measure by default: as many as real ones, at most 1000.

    On a CPU the features of a picture take a third of the time that training on one of 64×64 takes
    (measured). So fewer are measured there, which takes a twentieth of a tick of 4 kimg. Training in bf16
    takes half the time, so half as many are measured.
    """
    if not device.startswith("cpu"):
        return min(MOST_BY_DEFAULT, images)
    affordable = min(max(400 * resolution // 64 // (2 if precision == "bf16" else 1), 100), MOST_BY_DEFAULT)
    return min(affordable, images)
