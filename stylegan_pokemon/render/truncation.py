"""Truncation around the average of a class, where there are classes.

ψ scales the distance of w from its average (StyleGAN, appendix B). A conditional network's `w_avg` averages
over all classes: towards it, every class becomes the same creature. So w is pulled towards the mean of its
own class.
"""

from __future__ import annotations

from typing import Literal

import torch

from stylegan_pokemon.checkpoint.networks import AnyGenerator
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.randomness import derive_seed

Around = Literal["class", "network"]

_SAMPLES = 1024  # latents behind a mean: its error is 3 % of the spread of w
_AT_ONCE = 4096


def truncated(
    G: AnyGenerator,
    z: torch.Tensor,
    c: torch.Tensor | None,
    psi: float,
    around: Around = "class",
    centres: torch.Tensor | None = None,
) -> torch.Tensor:
    """ws [N, num_ws, w_dim] of latents z [N, z_dim] and class vectors c [N, c_dim], truncated by `psi`.

    around: "class", the mean of each picture's class ([N, w_dim] as `centres`, where they are known already),
    or "network", the average that the network keeps, as the official programs do and as it is without classes
    (UserError if it keeps none).
    """
    if psi == 1 or not G.c_dim or around == "network":
        return G.mapping(z, c, truncation_psi=psi)
    if centres is None:
        assert c is not None
        centres = class_centres(G, c)
    return centres[:, None].lerp(G.mapping(z, c), psi)


def truncated_ws(
    G: AnyGenerator, ws: torch.Tensor, c: torch.Tensor, psi: float, around: Around = "class"
) -> torch.Tensor:
    """ws [N, num_ws, w_dim] of any origin, truncated by `psi` around the same centres as in `truncated`.

    Raises UserError if the network keeps no average of w and psi is not 1.
    """
    if psi == 1:
        return ws
    if G.c_dim and around == "class":
        return class_centres(G, c)[:, None].lerp(ws, psi)
    average = getattr(G.mapping, "w_avg", None)
    if average is None:
        raise UserError("this network keeps no average of w, so truncation is not possible; use psi 1")
    return average.lerp(ws, psi)


def class_centres(G: AnyGenerator, c: torch.Tensor) -> torch.Tensor:
    """The mean w [N, w_dim] over latents of every row's class, for class vectors c [N, c_dim].

    The same latents for every class, network and call.
    """
    kinds, which = torch.unique(c, dim=0, return_inverse=True)
    rng = torch.Generator().manual_seed(derive_seed(0, "class centres"))
    z = torch.randn(_SAMPLES, G.z_dim, generator=rng).to(c.device)
    group = _AT_ONCE // _SAMPLES
    means = []
    with torch.no_grad():
        for some in kinds.split(group):
            ws = G.mapping(z.repeat(len(some), 1), some.repeat_interleave(_SAMPLES, dim=0))
            means.append(ws[:, 0].reshape(len(some), _SAMPLES, -1).mean(dim=1))
    return torch.cat(means)[which]
