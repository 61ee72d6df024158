"""The first alpha of a generator of opaque pictures that is to draw transparent sprites.

An opaque first alpha would leave the whole background to the game with the discriminator, which takes tens of
kimg. But what RGB layers read already tells creature from background: a fit finds alpha in it.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from dataset_tool.background import key_out, uniform_border
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.networks.synthesis import ToRGBLayer
from stylegan_pokemon.ops.upfirdn2d import upsample2d
from stylegan_pokemon.render.images import to_uint8
from stylegan_pokemon.render.latents import seed_latents

_PICTURES = 32
_BATCH_AT_1 = 512  # 8 pictures of 64×64; one of 512×512 takes half a GiB of features
_LAYERS = 3  # of the highest resolutions; lower ones cannot draw an outline
_SIDE = 64  # pixels of a side that the fit looks at
_TOLERANCE = 24  # levels of 255; generated backgrounds are less even than those of files
_RIDGE = 1e-3  # of the mean power of the features


def cut_out(G: Generator, *others: Generator) -> bool:
    """Make the plain background of a generator's opaque pictures invisible, by its RGB layers alone.

    Alpha becomes linear in the features that the RGB layers of the highest resolutions read. Least squares
    fit it to the cut-outs of the generator's own pictures by flood fill. The colours lose (1 − alpha) · B, so
    that over the background's colour B all pictures stay what they were.

    G: a generator of premultiplied RGBA whose alpha is 1 everywhere, on the CPU; it is changed in place.
    others: generators of the same architecture and nearly the same weights, which get the same change.
    Returns False, and changes nothing, unless half of its pictures have a plain background.
    """
    resolutions = [r for r in G.config.block_resolutions if G.synthesis.block(r).has_torgb][-_LAYERS:]
    widths = [G.config.channels(r) for r in resolutions]
    # Normal equations of alpha's difference from 1, in the units of [−1, 1]; the last feature is 1.
    size = sum(widths) + 1
    gram, moments = torch.zeros(size, size, dtype=torch.float64), torch.zeros(size, dtype=torch.float64)
    grounds: list[np.ndarray] = []
    batch = max(1, min(8, _BATCH_AT_1 // G.img_resolution))
    for start in range(0, _PICTURES, batch):
        seeds = range(start, start + batch)
        features, pictures = _drawn(G, seeds, resolutions)
        for feature, picture in zip(features, pictures, strict=True):
            keyed = key_out(Image.fromarray(picture), _TOLERANCE)
            ground = uniform_border(picture[..., :3], _TOLERANCE)
            if keyed is None or ground is None:
                continue
            grounds.append(ground)
            step = max(1, G.img_resolution // _SIDE)
            target = torch.from_numpy(np.asarray(keyed)[..., 3].copy()).double()[::step, ::step] / 255
            x = feature[:, ::step, ::step].flatten(1)
            x = torch.cat([x, torch.ones(1, x.shape[1])])
            gram += (x @ x.T).double()
            moments += x.double() @ (2 * target.flatten() - 2)
    if len(grounds) < _PICTURES / 2:
        return False
    ridge = _RIDGE * gram.diagonal().mean() * torch.eye(size, dtype=torch.float64)
    solution = torch.linalg.solve(gram + ridge, moments).float()
    ground = np.median(grounds, axis=0)
    if ground.min() >= 255 - _TOLERANCE:
        ground[:] = 255  # what is nearly white was learnt from white
    # In premultiplied colours, (r, g, b, 1) times the difference of alpha.
    direction = torch.tensor([*ground / 255, 1], dtype=torch.float32)
    with torch.no_grad():
        *parts, constant = solution.split([*widths, 1])
        for network in (G, *others):
            layers = [network.synthesis.block(r).torgb for r in resolutions]
            for layer, part in zip(layers, parts, strict=True):
                layer.weight.add_(torch.outer(direction, part)[:, :, None, None])
            layers[-1].bias.add_(direction * constant)
    return True


@torch.no_grad()
def _drawn(G: Generator, seeds: range, resolutions: list[int]) -> tuple[torch.Tensor, np.ndarray]:
    """What the RGB layers read, enlarged as their pictures are, [N, F, R, R]; pictures uint8 [N, R, R, 4]."""
    read: list[torch.Tensor] = []

    def keep(layer: ToRGBLayer, inputs: tuple[torch.Tensor, torch.Tensor]) -> None:
        x, w = inputs
        read.append(x * (layer.affine(w) * layer.weight_gain)[:, :, None, None])

    hooks = [G.synthesis.block(r).torgb.register_forward_pre_hook(keep) for r in resolutions]
    try:
        c = torch.eye(G.c_dim)[torch.tensor(seeds) % G.c_dim] if G.c_dim else None
        images = G(seed_latents(seeds, G.z_dim, torch.device("cpu")), c, noise_mode="const", force_fp32=True)
    finally:
        for hook in hooks:
            hook.remove()
    for i, resolution in enumerate(resolutions):
        for higher in (r for r in G.config.block_resolutions if r > resolution):
            read[i] = upsample2d(read[i], G.synthesis.block(higher).taps)
    return torch.cat(read, dim=1), to_uint8(images)
