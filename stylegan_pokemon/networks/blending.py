"""Between networks of one architecture: layers swapped, weights interpolated or averaged.

Fine layers carry the drawing style, coarse ones the build of a body. So the fine layers of a fine-tuned
generator over the coarse ones of its start draw the start's creatures in the new style (J. Pinkney, D. Adler,
"Resolution Dependent GAN Interpolation for Controllable Image Synthesis Between Domains", 2020). Between two
swaps the weights of one group of layers are interpolated (X. Wang et al., "Deep Network Interpolation for
Continuous Imagery Effect Transition", 2019). The dial from a start to its end and `blend` are one code. This
module does not import torch.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from stylegan_pokemon.networks.config import GeneratorConfig

if TYPE_CHECKING:
    from torch import nn

    from stylegan_pokemon.networks.generator import Generator

    N = TypeVar("N", bound=nn.Module)

DEFAULT_ADAPTATION = 1.0  # what is drawn of a fine-tuned network when nobody says: the network as trained


def end_shares(config: GeneratorConfig, adaptation: float) -> dict[str, float]:
    """Which share, 0 to 1, of every group of layers is the end's, by the prefix of its tensors' names.

    The groups are ordered from the finest synthesis block to the coarsest; the mapping network, with w_avg
    and the embedding of classes, is last. Of B groups the k-th, counted from 0, has the share
    clamp(adaptation · B − k, 0, 1).
    """
    groups = [*(f"synthesis.b{r}." for r in reversed(config.block_resolutions)), "mapping."]
    return {name: min(max(adaptation * len(groups) - k, 0.0), 1.0) for k, name in enumerate(groups)}


def seam_shares(config: GeneratorConfig, at: int, smooth: bool = False) -> dict[str, float]:
    """Which share of every group of layers is the second network's, by the prefix of its tensors' names.

    Blocks from resolution `at` on are the second's; blocks below and the mapping network are the first's.
    smooth: the two blocks beside the seam have the shares 1/3 and 2/3.
    """
    shares = {"mapping.": 0.0}
    for r in config.block_resolutions:
        share = float(r >= at)
        if smooth:
            share = {at // 2: 1 / 3, at: 2 / 3}.get(r, share)
        shares[f"synthesis.b{r}."] = share
    return shares


def differences(configs: Sequence[Any]) -> dict[str, list[Any]]:
    """The settings by which architectures differ, with the value of each; {} if their weights can be mixed.

    Half precision, frozen layers and centres of truncation change no tensor, so they do not count.
    """
    found = {field.name: [getattr(config, field.name) for config in configs] for field in fields(configs[0])}
    idle = ("num_fp16_res", "conv_clamp", "freeze_layers", "truncation_centres")
    return {
        name: values
        for name, values in found.items()
        if name not in idle and any(value != values[0] for value in values)
    }


def adapt(start: Generator, end: Generator, adaptation: float) -> Generator:
    """A new generator between `start` (adaptation 0) and `end` (1), on the device of `end`.

    Each group of layers is interpolated linearly by its `end_shares`. At 0 and 1 the weights are those of
    `start` and `end`, bit for bit. Raises ValueError for other adaptations and for two architectures.
    """
    if not 0 <= adaptation <= 1:
        raise ValueError(f"adaptation must be within 0 … 1, not {adaptation}")
    return blend(start, end, end_shares(end.config, adaptation))


def blend(first: Generator, second: Generator, shares: Mapping[str, float]) -> Generator:
    """A new generator, on the device of `second`: each group of layers interpolated linearly.

    shares: 0 (first) to 1 (second) by the prefix of the tensors' names. Raises ValueError for two
    architectures.
    """
    if differences([first.config, second.config]):
        raise ValueError("the two generators have different architectures")
    blended, before = copy.deepcopy(second), first.state_dict()
    for name, tensor in blended.state_dict().items():
        share = next(share for group, share in shares.items() if name.startswith(group))
        old = before[name].to(tensor.device)
        if share == 0:
            tensor.copy_(old)
        elif share < 1:
            tensor.copy_(old.lerp(tensor, share))
    return blended


def average(networks: Sequence[N]) -> N:
    """A new network whose every tensor is the mean of the networks' own, summed in float64.

    Averages of networks that share a start are often better than each (P. Izmailov et al., "Averaging Weights
    Leads to Wider Optima and Better Generalization", 2018). Raises ValueError for different architectures.
    """
    if differences([network.config for network in networks]):
        raise ValueError("the networks have different architectures")
    averaged, states = copy.deepcopy(networks[0]), [network.state_dict() for network in networks]
    for name, tensor in averaged.state_dict().items():
        total = sum(state[name].to(tensor.device).double() for state in states)
        tensor.copy_(total / len(states))
    return averaged


def kinship(first: Generator, second: Generator) -> float:
    """The cosine between the convolutions' weights of two generators of one architecture.

    About 0 for networks that were trained independently, near 1 for a start and what was fine-tuned from it.
    """
    product = squares = other = 0.0
    weights = second.state_dict()
    for name, tensor in first.state_dict().items():
        if name.startswith("synthesis.") and name.endswith(("conv0.weight", "conv1.weight")):
            a, b = tensor.double(), weights[name].to(tensor.device).double()
            product += float((a * b).sum())
            squares, other = squares + float(a.square().sum()), other + float(b.square().sum())
    return product / max((squares * other) ** 0.5, 1e-300)
