"""The dial between the start and the end of a fine-tuning run: layers first, weights within.

Fine layers carry the drawing style, coarse ones the build of a body. So the fine layers of a fine-tuned
generator over the coarse ones of its start draw the start's creatures in the new style (J. Pinkney, D. Adler,
"Resolution Dependent GAN Interpolation for Controllable Image Synthesis Between Domains", 2020). Between two
swaps the weights of one group of layers are interpolated (X. Wang et al., "Deep Network Interpolation for
Continuous Imagery Effect Transition", 2019). This module does not import torch.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from stylegan_pokemon.networks.config import GeneratorConfig

if TYPE_CHECKING:
    from stylegan_pokemon.networks.generator import Generator

DEFAULT_ADAPTATION = 1.0  # what is drawn of a fine-tuned network when nobody says: the network as trained


def end_shares(config: GeneratorConfig, adaptation: float) -> dict[str, float]:
    """Which share, 0 to 1, of every group of layers is the end's, by the prefix of its tensors' names.

    The groups are ordered from the finest synthesis block to the coarsest; the mapping network, with w_avg
    and the embedding of classes, is last. Of B groups the k-th, counted from 0, has the share
    clamp(adaptation · B − k, 0, 1).
    """
    groups = [*(f"synthesis.b{r}." for r in reversed(config.block_resolutions)), "mapping."]
    return {name: min(max(adaptation * len(groups) - k, 0.0), 1.0) for k, name in enumerate(groups)}


def adapt(start: Generator, end: Generator, adaptation: float) -> Generator:
    """A new generator between `start` (adaptation 0) and `end` (1), on the device of `end`.

    Each group of layers is interpolated linearly by its `end_shares`. At 0 and 1 the weights are those of
    `start` and `end`, bit for bit. Raises ValueError for other adaptations and for two architectures.
    """
    if start.config != end.config:
        raise ValueError("the two generators have different architectures")
    if not 0 <= adaptation <= 1:
        raise ValueError(f"adaptation must be within 0 … 1, not {adaptation}")
    shares = end_shares(end.config, adaptation)
    blended, before = copy.deepcopy(end), start.state_dict()
    for name, tensor in blended.state_dict().items():
        share = next(share for group, share in shares.items() if name.startswith(group))
        old = before[name].to(tensor.device)
        if share == 0:
            tensor.copy_(old)
        elif share < 1:
            tensor.copy_(old.lerp(tensor, share))
    return blended
