"""Which metrics there are, and what is measured by default. This module imports no torch."""

from __future__ import annotations

from stylegan_pokemon.errors import UserError

IN_WORDS = {
    "fd": "Fréchet distance; called FID with the standard feature networks",
    "kid": "kernel distance, unbiased for small sets; it chooses the best snapshot",
    "pr": "precision and recall",
    "dc": "density and coverage",
    "is": "inception score",
    "nn": "near copies of training pictures, and collapse",
    "sprite": "whole bodies, clean background, sharp edges, colours",
    "swd": "drawing style: sliced Wasserstein distance of patches",
}
METRICS = tuple(IN_WORDS)
CHEAP = ("fd", "kid", "pr", "nn", "sprite", "swd")
"""By default: Fréchet and kernel distance, precision and recall, copying, the sprites' build and style."""
OF_PIXELS = ("sprite", "swd")
"""These need no feature network."""
METRICS_FEATURES = "efficientnet_lite1"
STANDARD = "standard"  # the official feature networks: Inception and VGG16
METRICS_NUM = 1000  # generated pictures at most, and no more than there are real ones


def metrics_num_of(resolution: int, images: int, device: str, precision: str = "fp32") -> int:
    """How many pictures to generate and measure by default: as many as real ones, at most 1000.

    On a CPU, the features of a picture take a third of the time of training on one of 64×64 (measured). With
    fewer pictures, measuring takes a twentieth of a tick of 4 kimg; bf16 halves the time of training, so it
    halves the number.
    """
    if not device.startswith("cpu"):
        return min(METRICS_NUM, images)
    affordable = min(max(400 * resolution // 64 // (2 if precision == "bf16" else 1), 100), METRICS_NUM)
    return min(affordable, images)


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
