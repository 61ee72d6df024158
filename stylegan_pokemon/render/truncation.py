"""Truncation around the average of a class, where there are classes, or around the nearest of many centres.

ψ scales the distance of w from its average (StyleGAN, appendix B). A conditional network's `w_avg` averages
over all classes: towards it, every class becomes the same creature. So w is pulled towards the mean of its
own class. A network that was taught body plans has a cluster of w for each, and its file says how many.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

import torch

from stylegan_pokemon.checkpoint.networks import AnyGenerator
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.randomness import derive_seed
from stylegan_pokemon.render.centres import CENTRES, Around

_CLUSTERED = 8192  # latents that centres are found among
_ROUNDS = 30  # of k-means; hardly a latent changes its centre after these
_found: WeakKeyDictionary[AnyGenerator, dict[int, torch.Tensor]] = WeakKeyDictionary()

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

    around: "class": the mean of each picture's class ([N, w_dim] as `centres`, where they are known already);
    without classes, the nearest of the `truncation_centres` of the network's configuration. "network": the
    average that the network keeps, as the official programs do (UserError if it keeps none). "centres:K": the
    nearest of K centres.
    """
    if psi == 1 or not _has_own(G, around):
        return G.mapping(z, c, truncation_psi=psi)
    ws = G.mapping(z, c)
    centres = own_centres(G, ws, c, around) if centres is None else centres
    assert centres is not None
    return centres[:, None].lerp(ws, psi)


def truncated_ws(
    G: AnyGenerator, ws: torch.Tensor, c: torch.Tensor, psi: float, around: Around = "class"
) -> torch.Tensor:
    """ws [N, num_ws, w_dim] of any origin, truncated by `psi` around the same centres as in `truncated`.

    Raises UserError if the network keeps no average of w and psi is not 1.
    """
    if psi == 1:
        return ws
    centres = own_centres(G, ws, c, around)
    if centres is not None:
        return centres[:, None].lerp(ws, psi)
    average = getattr(G.mapping, "w_avg", None)
    if average is None:
        raise UserError("this network keeps no average of w, so truncation is not possible; use psi 1")
    return average.lerp(ws, psi)


def own_centres(
    G: AnyGenerator, ws: torch.Tensor, c: torch.Tensor | None, around: Around
) -> torch.Tensor | None:
    """The centre [N, w_dim] that each of ws is truncated around; None where that is the network's average."""
    if not _has_own(G, around):
        return None
    if around == "class" and G.c_dim:
        assert c is not None
        return class_centres(G, c)
    centres = w_centres(G, centre_count(G, around))
    return centres[torch.cdist(ws.mean(dim=1), centres).argmin(dim=1)]


def w_centres(G: AnyGenerator, count: int) -> torch.Tensor:
    """Centres [count, w_dim] of w by k-means over 8,192 latents of all classes; the same in every call.

    (Multi-modal truncation; R. Mokady et al., "Self-distilled StyleGAN", 2022, section 4.)
    """
    from scipy.cluster.vq import kmeans2  # takes a tenth of a second that other commands can save

    known = _found.setdefault(G, {})
    if count not in known:
        rng = torch.Generator().manual_seed(derive_seed(0, "w centres"))
        device = next(G.parameters()).device
        z = torch.randn(_CLUSTERED, G.z_dim, generator=rng).to(device)
        c = torch.eye(G.c_dim, device=device)[torch.arange(_CLUSTERED) % G.c_dim] if G.c_dim else None
        with torch.no_grad():
            w = G.mapping(z, c)[:, 0].double().cpu().numpy()
        found, _ = kmeans2(w, w[:count], iter=_ROUNDS, minit="matrix")
        known[count] = torch.from_numpy(found).to(device, torch.float32)
    return known[count]


def centre_count(G: AnyGenerator, around: Around) -> int:
    """How many centres truncation chooses from; 0: there is one average, or one for each class."""
    if around.startswith(CENTRES):
        return int(around.removeprefix(CENTRES))
    return getattr(G.config, "truncation_centres", 0) if around == "class" and not G.c_dim else 0


def _has_own(G: AnyGenerator, around: Around) -> bool:
    return centre_count(G, around) > 1 or (around == "class" and bool(G.c_dim))


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
