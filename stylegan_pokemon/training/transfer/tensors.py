"""How one tensor of a checkpoint is made to fit a network of other colours, labels or widths.

The first pictures and logits stay what they were, as far as possible: what is new adds nothing yet, and where
the gain of equalised learning rate (1/√inputs) changes, the weights make up for it.
"""

from __future__ import annotations

import torch

from stylegan_pokemon.networks.discriminator import Discriminator
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.networks.layers import normalize_2nd_moment

Labels = tuple[int | None, ...]
"""For every class of the new network the class of the checkpoint that it continues; None for none."""


def generator_tensor(
    name: str,
    like: torch.Tensor,
    given: dict[str, torch.Tensor],
    target: Generator,
    donor: Generator,
    labels: Labels,
) -> torch.Tensor | None:
    """The tensor `name` of `donor`, whose tensors are `given`, in the shape of `like`, the new network's own.

    It is the same object as in `given` where nothing had to change. None if the checkpoint has nothing.
    """
    found = given.get(name)
    layer, _, kind = name.rpartition(".")
    if layer.endswith(".torgb"):
        resolution = int(layer.split(".")[1][1:])
        if found is None and resolution > donor.img_resolution and target.config.architecture == "skip":
            # A new top block adds nothing to the enlarged picture yet.
            found = like.new_zeros(donor.img_channels, *like.shape[1:])
        if found is None:
            return None
        last = resolution == target.img_resolution
        return _overlap(_in_colours(found, kind, last, target, donor), like)
    if found is None:
        if layer == "mapping.embed" and kind == "weight":
            # All classes begin as one; see _with_label.
            return like[:, :1].expand_as(like).clone()
        return None
    if layer == "mapping.embed" and kind == "weight":
        found = _columns(found, labels)
    elif layer == "mapping.fc0" and target.c_dim > donor.c_dim == 0:
        found = _with_label(found, kind, target)
    elif layer == "mapping.fc0" and donor.c_dim > target.c_dim == 0:
        found = _without_label(found, kind, donor)
    # Demodulation takes the place of 1/√inputs in the 3×3 convolutions.
    return _overlap(found, like, scaled=not (layer.endswith(("conv0", "conv1")) and kind == "weight"))


def discriminator_tensor(
    name: str,
    like: torch.Tensor,
    given: dict[str, torch.Tensor],
    target: Discriminator,
    donor: Discriminator,
    labels: Labels,
) -> torch.Tensor | None:
    """As `generator_tensor`."""
    found = given.get(name)
    if found is None:
        return None
    layer, _, kind = name.rpartition(".")
    if layer.endswith("fromrgb") and kind != "resample_filter":
        return _overlap(_from_colours(found, kind, layer, target, donor), like)
    if layer == "mapping.embed" and kind == "weight":
        return _overlap(_columns(found, labels), like)
    if layer == "b4.conv" and kind == "weight" and found.shape != like.shape:
        # The channels of the minibatch standard deviation stay the last ones.
        c, own = donor.config.channels(4), target.config.channels(4)
        scale = (like.shape[1] / found.shape[1]) ** 0.5 if own > c else 1.0
        features = _overlap(found[:, :c] * scale, like[:, :own], scaled=False)
        return torch.cat([features, _overlap(found[:, c:] * scale, like[:, own:])], dim=1)
    if layer == "b4.fc" and kind == "weight" and found.shape != like.shape:
        channels = (-1, 16)  # of 4×4 pixels
        return _overlap(found.unflatten(1, channels), like.unflatten(1, channels)).flatten(1)
    if layer == "b4.out":
        return _overlap_of_logits(found, like, target, donor)
    return _overlap(found, like)


def _overlap(value: torch.Tensor, like: torch.Tensor, scaled: bool = True) -> torch.Tensor:
    """`value` cut to the shape of `like`, or extended by what is there, unseen by all old features.

    The first axis counts features written, the second features read. `scaled` tells that the layer divides
    by √(features read).
    """
    if value.shape == like.shape:
        return value
    result = like.clone()
    old = tuple(slice(min(a, b)) for a, b in zip(value.shape, like.shape, strict=True))
    if value.ndim > 1 and like.shape[1] > value.shape[1]:
        result[old[0]] = 0
        value = value * (like.shape[1] / value.shape[1]) ** 0.5 if scaled else value
    result[old] = value[old]
    return result


def colour_matrix(old: int, new: int, premultiplied: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """M [new, old] and o [new] with picture_new = M · picture_old + o, for pictures in [−1, 1].

    One and two channels are grey and grey with alpha; three and more are RGB and whatever follows. Grey
    becomes three equal colours, colours become their mean, further channels are taken over or opaque (1).
    premultiplied: whether the old picture is premultiplied RGBA; without alpha it is laid over white.
    """
    colours_old, colours_new = (3 if old >= 3 else 1), (3 if new >= 3 else 1)
    matrix, offset = torch.zeros(new, old), torch.ones(new)
    offset[:colours_new] = 0
    if colours_old == colours_new:
        matrix[:colours_new, :colours_old] = torch.eye(colours_new)
    else:
        matrix[:colours_new, :colours_old] = 1 / colours_old
    for i in range(min(old - colours_old, new - colours_new)):
        matrix[colours_new + i, colours_old + i] = 1
        offset[colours_new + i] = 0
    if premultiplied and new < 4:
        # In [0, 1] colour + (1 − alpha) · 1; in [−1, 1] that is colour − alpha + 1.
        matrix[:colours_new, 3], offset[:colours_new] = -1, 1
    return matrix, offset


def _in_colours(
    found: torch.Tensor, kind: str, last: bool, target: Generator, donor: Generator
) -> torch.Tensor:
    """A ToRGB tensor that writes the target's channels; constants are added once, in the last block."""
    if target.img_channels == donor.img_channels:
        return found
    matrix, offset = colour_matrix(donor.img_channels, target.img_channels, donor.config.premultiplied)
    value = torch.tensordot(matrix, found, dims=1)
    return value + offset if kind == "bias" and last else value


def _from_colours(
    found: torch.Tensor, kind: str, layer: str, target: Discriminator, donor: Discriminator
) -> torch.Tensor:
    """A FromRGB tensor that reads the target's channels as if they had been turned into the donor's."""
    old, new = donor.img_channels, target.img_channels
    if old == new:
        return found
    matrix, offset = colour_matrix(new, old, target.config.premultiplied)
    weight = donor.state_dict()[f"{layer}.weight"]  # [C, old, 1, 1], divided by √old when used
    if kind == "bias":
        return found + weight[:, :, 0, 0] @ offset / old**0.5
    return torch.einsum("coij,on->cnij", weight, matrix) * (new / old) ** 0.5


def _columns(weight: torch.Tensor, labels: Labels) -> torch.Tensor:
    """The embedding [features, classes] for other classes; one without counterpart begins as the mean."""
    if labels == tuple(range(weight.shape[1])):
        return weight
    mean = weight.mean(dim=1)
    columns = torch.stack([mean if label is None else weight[:, label] for label in labels], dim=1)
    return columns * (len(labels) / weight.shape[1]) ** 0.5


def _with_label(found: torch.Tensor, kind: str, target: Generator) -> torch.Tensor:
    """The first layer of the mapping network, which reads z, made to read the embedded label after it.

    It reads the label as a new network does. Zero-initialised, neither this layer (learning rate × 0.01) nor
    the embedding, whose gradient comes through it, would learn fast enough. All classes begin with one
    embedding, and what that adds is subtracted from the bias: the first pictures stay.
    """
    own = target.state_dict()["mapping.fc0.weight"][: len(found)]
    z, width = target.z_dim, own.shape[1]
    if kind == "weight":
        return torch.cat([found[: len(own)] * (width / z) ** 0.5, own[:, z:]], dim=1)
    with torch.no_grad():
        label = normalize_2nd_moment(target.mapping.embed(torch.eye(target.c_dim)[:1]))[0]
    return found[: len(own)] - own[:, z:] @ label / width**0.5


def _without_label(found: torch.Tensor, kind: str, donor: Generator) -> torch.Tensor:
    """The first layer of the mapping network without the label: the mean label becomes part of the bias."""
    z, weight = donor.z_dim, donor.state_dict()["mapping.fc0.weight"]
    if kind == "weight":
        return weight[:, :z] * (z / weight.shape[1]) ** 0.5
    with torch.no_grad():
        mean = normalize_2nd_moment(donor.mapping.embed(torch.eye(donor.c_dim))).mean(dim=0)
    return found + weight[:, z:] @ mean / weight.shape[1] ** 0.5


def _overlap_of_logits(
    found: torch.Tensor, like: torch.Tensor, target: Discriminator, donor: Discriminator
) -> torch.Tensor:
    """The last layer; the label's projection weighs its features and divides by √(their number)."""
    if donor.c_dim > target.c_dim == 0:
        with torch.no_grad():
            cmap = donor.mapping(None, torch.eye(donor.c_dim)).mean(dim=0)  # of the average label
        found = (cmap @ found / len(cmap) ** 0.5)[None]
    elif target.c_dim > donor.c_dim == 0:
        weights = _projection(target)
        found = weights.reshape(-1, *[1] * (found.ndim - 1)) * found
    elif target.c_dim and like.shape[0] > found.shape[0]:
        # New features of the projection are not read yet.
        grown = found.new_zeros(like.shape[0], *found.shape[1:])
        grown[: found.shape[0]] = found * (like.shape[0] / found.shape[0]) ** 0.5
        found = grown
    return _overlap(found, like)


def _projection(target: Discriminator) -> torch.Tensor:
    """Factors v [cmap_dim] with which Σ v·cmap / √cmap_dim is nearly 1 for every class."""
    with torch.no_grad():
        cmap = target.mapping(None, torch.eye(target.c_dim)).double()  # [classes, cmap_dim]
    # Ridge: classes start out much alike, and an exact solution would be huge.
    gram = cmap @ cmap.T
    ridge = 1e-3 * gram.diagonal().mean() * torch.eye(len(gram), dtype=torch.float64)
    weights = torch.linalg.solve(gram + ridge, torch.ones(len(gram), dtype=torch.float64))
    return (cmap.T @ weights * cmap.shape[1] ** 0.5).float()
