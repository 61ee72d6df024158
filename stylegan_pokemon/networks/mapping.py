"""The mapping network: latent z and label c to the intermediate latent w (StyleGAN, section 2)."""

from __future__ import annotations

import itertools

import torch
from torch import nn

from stylegan_pokemon.errors import UserError
from stylegan_pokemon.networks.layers import FullyConnectedLayer, normalize_2nd_moment


class MappingNetwork(nn.Module):
    """[N, z_dim] and [N, c_dim] → [N, num_ws, w_dim], or [N, w_dim] where num_ws is None.

    z_dim or c_dim may be 0: the generator without classes has no label, the discriminator's label network no
    latent. `w_avg_beta` is the decay of the moving average `w_avg`, None for no average.
    """

    w_avg: torch.Tensor

    def __init__(
        self,
        z_dim: int,
        c_dim: int,
        w_dim: int,
        num_ws: int | None,
        num_layers: int = 8,
        embed_features: int | None = None,
        layer_features: int | None = None,
        activation: str = "lrelu",
        lr_multiplier: float = 0.01,
        w_avg_beta: float | None = 0.995,
    ) -> None:
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim, self.num_ws = z_dim, c_dim, w_dim, num_ws
        self.num_layers, self.w_avg_beta = num_layers, w_avg_beta
        embed = 0 if c_dim == 0 else (w_dim if embed_features is None else embed_features)
        hidden = w_dim if layer_features is None else layer_features
        if c_dim > 0:
            self.embed = FullyConnectedLayer(c_dim, embed)
        # Without layers (TensorFlow's discriminators) the normalised label embedding is the result.
        widths = [z_dim + embed] + ([hidden] * (num_layers - 1) + [w_dim] if num_layers else [])
        for i, (fan_in, fan_out) in enumerate(itertools.pairwise(widths)):
            setattr(self, f"fc{i}", FullyConnectedLayer(fan_in, fan_out, activation, lr_multiplier))
        if num_ws is not None and w_avg_beta is not None:
            self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(
        self,
        z: torch.Tensor | None,
        c: torch.Tensor | None = None,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
    ) -> torch.Tensor:
        """Map latents; truncation pulls the first `truncation_cutoff` w's (all by default) to w_avg."""
        inputs = []
        if self.z_dim > 0:
            if z is None or z.ndim != 2 or z.shape[1] != self.z_dim:
                raise UserError(f"latents must be [N, {self.z_dim}], not {_shape(z)}")
            inputs.append(normalize_2nd_moment(z.to(torch.float32)))
        if self.c_dim > 0:
            if c is None or c.ndim != 2 or c.shape[1] != self.c_dim:
                raise UserError(f"this network needs one-hot labels [N, {self.c_dim}], not {_shape(c)}")
            inputs.append(normalize_2nd_moment(self.embed(c.to(torch.float32))))
        w = torch.cat(inputs, dim=1)
        for i in range(self.num_layers):
            w = getattr(self, f"fc{i}")(w)
        if self.num_ws is None:
            return w
        ws = w[:, None].expand(-1, self.num_ws, -1)
        if truncation_psi == 1:
            return ws
        if self.w_avg_beta is None:
            raise UserError("this network keeps no average of w, so truncation is not possible; use psi 1")
        cutoff = self.num_ws if truncation_cutoff is None else truncation_cutoff
        truncated = self.w_avg.lerp(ws[:, :cutoff], truncation_psi)
        return torch.cat([truncated, ws[:, cutoff:]], dim=1)

    @torch.no_grad()
    def update_w_avg(self, ws: torch.Tensor) -> None:
        """Move w_avg towards the mean of [N, num_ws, w_dim]; once per iteration, on whole batches."""
        if self.w_avg_beta is not None:
            self.w_avg.copy_(ws[:, 0].mean(dim=0).lerp(self.w_avg, self.w_avg_beta))


def _shape(x: torch.Tensor | None) -> str:
    return "nothing" if x is None else str(list(x.shape))
