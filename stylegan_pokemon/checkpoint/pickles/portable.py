"""StyleGAN2's generator and discriminator on plain PyTorch, for files that travel without their program.

This text is stored inside every .pkl that stylegan_pokemon writes. A program that opens the file executes it
as a module of its own, looks a class up by name and gives the object its pickled attributes; no constructor
runs. It stands alone on torch and the standard library, in the syntax of Python 3.7 and with what torch 1.7
has. It favours being read over speed. Licence of this text: Apache-2.0; weights have licences of their own.
"""

import copy
import math

import torch
import torch.nn.functional as F

_ACTIVATION_GAINS = {"linear": 1.0, "relu": math.sqrt(2), "lrelu": math.sqrt(2)}


class _AttributeDict(dict):
    """A dictionary whose entries are attributes too."""

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name)


def _with_attributes(value):
    """A copy in which every dictionary has its entries as attributes."""
    if not isinstance(value, dict):
        return copy.deepcopy(value)
    return _AttributeDict((name, _with_attributes(entry)) for name, entry in value.items())


class _Module(torch.nn.Module):
    """A module that remembers what it could be constructed with."""

    @property
    def init_args(self):
        return copy.deepcopy(self._init_args)

    @property
    def init_kwargs(self):
        return _with_attributes(self._init_kwargs)


def _activate(x, bias, activation, gain=1.0, clamp=None):
    """clamp(activation(x + bias) * its gain * gain); bias is one number per channel or None."""
    if bias is not None:
        x = x + bias.to(x.dtype).reshape([1, -1] + [1] * (x.ndim - 2))
    if activation == "lrelu":
        x = F.leaky_relu(x, 0.2)
    elif activation == "relu":
        x = F.relu(x)
    x = x * (_ACTIVATION_GAINS[activation] * gain)
    return x if clamp is None else x.clamp(-clamp, clamp)


def _filter(x, kernel, up=1, down=1, padding=(0, 0), gain=1.0):
    """Insert up - 1 zeros after every pixel, pad, convolve every channel with the kernel, decimate."""
    n, channels, height, width = x.shape
    if up > 1:
        x = x.reshape(n, channels, height, 1, width, 1)
        x = F.pad(x, [0, up - 1, 0, 0, 0, up - 1]).reshape(n, channels, height * up, width * up)
    x = F.pad(x, [padding[0], padding[1], padding[0], padding[1]])
    weight = (kernel * gain).flip([0, 1]).to(x.dtype)[None, None].repeat(channels, 1, 1, 1)
    return F.conv2d(x, weight, stride=down, groups=channels)


def _upsample(x, kernel):
    taps = kernel.shape[0]
    return _filter(x, kernel, up=2, padding=((taps + 1) // 2, (taps - 2) // 2), gain=4.0)


def _downsample(x, kernel):
    taps = kernel.shape[0]
    return _filter(x, kernel, down=2, padding=((taps - 1) // 2, (taps - 2) // 2))


def _normalize(x):
    return x * (x.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()


def _half(module, device, force_fp32):
    return module.use_fp16 and not force_fp32 and device.type == "cuda"


def _modulated(x, weight, styles, padding=0, demodulate=True, up=1, kernel=None):
    """Convolve with weights that every image's styles scale; equals scaling the channels before and after."""
    if x.dtype == torch.float16 and demodulate:
        # Demodulation cancels any scale; small numbers keep half precision from overflowing.
        fan_in = weight[0].numel()
        weight = weight / (math.sqrt(fan_in) * weight.abs().amax(dim=(1, 2, 3), keepdim=True))
        styles = styles / styles.abs().amax(dim=1, keepdim=True)
    y = x * styles.to(x.dtype)[:, :, None, None]
    w = weight.to(x.dtype)
    if up == 1:
        y = F.conv2d(y, w, padding=padding)
    else:
        y = F.conv_transpose2d(y, w.transpose(0, 1), stride=up)
        spare = kernel.shape[0] - 1 - (w.shape[2] - up)
        y = _filter(y, kernel, padding=((spare + 1) // 2, spare // 2), gain=float(up * up))
    if demodulate:
        power = styles.square() @ weight.square().sum(dim=[2, 3]).t()  # [N, O]
        y = y * (power + 1e-8).rsqrt().to(y.dtype)[:, :, None, None]
    return y


class FullyConnectedLayer(_Module):
    def forward(self, x):
        weight = self.weight.to(x.dtype) * self.weight_gain
        bias = None if self.bias is None else self.bias.to(x.dtype) * self.bias_gain
        return _activate(x @ weight.t(), bias, self.activation)


class Conv2dLayer(_Module):
    def forward(self, x, gain=1):
        weight = (self.weight * self.weight_gain).to(x.dtype)
        size = weight.shape[2]
        if self.up == 2:
            x = _upsample(F.conv2d(x, weight), self.resample_filter)
        elif self.down == 2:
            spare = self.resample_filter.shape[0] - 2 + (size - 1)
            x = _filter(x, self.resample_filter, padding=((spare + 1) // 2, spare // 2))
            x = F.conv2d(x, weight, stride=2)
        else:
            x = F.conv2d(x, weight, padding=size // 2)
        clamp = None if self.conv_clamp is None else self.conv_clamp * gain
        return _activate(x, self.bias, self.activation, gain, clamp)


class MappingNetwork(_Module):
    def forward(
        self,
        z,
        c,
        truncation_psi=1,
        truncation_cutoff=None,
        skip_w_avg_update=False,
        update_emas=False,
    ):
        inputs = []
        if self.z_dim > 0:
            inputs.append(_normalize(z.to(torch.float32)))
        if self.c_dim > 0:
            inputs.append(_normalize(self.embed(c.to(torch.float32))))
        w = torch.cat(inputs, dim=1)
        for i in range(self.num_layers):
            w = getattr(self, "fc%d" % i)(w)
        if self.num_ws is None:
            return w
        if self.w_avg_beta is not None and self.training and not skip_w_avg_update:
            self.w_avg.copy_(w.detach().mean(dim=0).lerp(self.w_avg, self.w_avg_beta))
        ws = w[:, None].repeat(1, self.num_ws, 1)
        if truncation_psi != 1:
            cutoff = self.num_ws if truncation_cutoff is None else truncation_cutoff
            ws = torch.cat([self.w_avg.lerp(ws[:, :cutoff], truncation_psi), ws[:, cutoff:]], dim=1)
        return ws


class SynthesisLayer(_Module):
    def forward(self, x, w, noise_mode="random", fused_modconv=None, gain=1):
        if noise_mode not in ("random", "const", "none"):
            raise ValueError("noise_mode must be random, const or none")
        weight, kernel = self.weight, self.resample_filter
        x = _modulated(x, weight, self.affine(w), weight.shape[2] // 2, True, self.up, kernel)
        if self.use_noise and noise_mode != "none":
            size = [x.shape[0], 1, self.resolution, self.resolution]
            noise = torch.randn(size, device=x.device) if noise_mode == "random" else self.noise_const
            x = x + (noise * self.noise_strength).to(x.dtype)
        clamp = None if self.conv_clamp is None else self.conv_clamp * gain
        return _activate(x, self.bias, self.activation, gain, clamp)


class ToRGBLayer(_Module):
    def forward(self, x, w, fused_modconv=None):
        styles = self.affine(w) * self.weight_gain
        return _activate(
            _modulated(x, self.weight, styles, 0, False), self.bias, "linear", 1, self.conv_clamp
        )


class SynthesisBlock(_Module):
    def forward(self, x, img, ws, force_fp32=False, fused_modconv=None, update_emas=False, **layer_options):
        dtype = torch.float16 if _half(self, ws.device, force_fp32) else torch.float32
        w = ws.unbind(dim=1)
        if self.in_channels == 0:
            x = self.const.to(dtype)[None].repeat(ws.shape[0], 1, 1, 1)
            x = self.conv1(x, w[0], **layer_options)
        elif self.architecture == "resnet":
            y = self.skip(x.to(dtype), gain=math.sqrt(0.5))
            x = self.conv0(x.to(dtype), w[0], **layer_options)
            x = y + self.conv1(x, w[1], gain=math.sqrt(0.5), **layer_options)
        else:
            x = self.conv0(x.to(dtype), w[0], **layer_options)
            x = self.conv1(x, w[1], **layer_options)
        if img is not None:
            img = _upsample(img, self.resample_filter)
        if self.is_last or self.architecture == "skip":
            y = self.torgb(x, w[self.num_conv]).to(torch.float32)
            img = y if img is None else img + y
        return x, img


class SynthesisNetwork(_Module):
    def forward(self, ws, **block_options):
        ws = ws.to(torch.float32)
        x = img = None
        index = 0
        for resolution in self.block_resolutions:
            block = getattr(self, "b%d" % resolution)
            x, img = block(x, img, ws[:, index : index + block.num_conv + 1], **block_options)
            index += block.num_conv
        return img


class Generator(_Module):
    def forward(self, z, c, truncation_psi=1, truncation_cutoff=None, update_emas=False, **synthesis_options):
        ws = self.mapping(z, c, truncation_psi=truncation_psi, truncation_cutoff=truncation_cutoff)
        return self.synthesis(ws, **synthesis_options)


class MinibatchStdLayer(_Module):
    def forward(self, x):
        n, channels, height, width = x.shape
        group = n if self.group_size is None else min(self.group_size, n)
        while n % group:
            group -= 1
        features = self.num_channels
        y = x.reshape(group, -1, features, channels // features, height, width)
        y = (y.var(dim=0, unbiased=False) + 1e-8).sqrt().mean(dim=[2, 3, 4])  # [N / group, features]
        y = y.repeat(group, 1)[:, :, None, None].expand(-1, -1, height, width)
        return torch.cat([x, y], dim=1)


class DiscriminatorBlock(_Module):
    def forward(self, x, img, force_fp32=False):
        device = (img if x is None else x).device
        dtype = torch.float16 if _half(self, device, force_fp32) else torch.float32
        if x is not None:
            x = x.to(dtype)
        if self.in_channels == 0 or self.architecture == "skip":
            y = self.fromrgb(img.to(dtype))
            x = y if x is None else x + y
            img = _downsample(img, self.resample_filter) if self.architecture == "skip" else None
        if self.architecture == "resnet":
            y = self.skip(x, gain=math.sqrt(0.5))
            return y + self.conv1(self.conv0(x), gain=math.sqrt(0.5)), img
        return self.conv1(self.conv0(x)), img


class DiscriminatorEpilogue(_Module):
    def forward(self, x, img, cmap, force_fp32=False):
        x = x.to(torch.float32)
        if self.architecture == "skip":
            x = x + self.fromrgb(img.to(torch.float32))
        if self.mbstd is not None:
            x = self.mbstd(x)
        x = self.out(self.fc(self.conv(x).flatten(1)))
        if self.cmap_dim > 0:
            x = (x * cmap).sum(dim=1, keepdim=True) / math.sqrt(self.cmap_dim)
        return x


class Discriminator(_Module):
    def forward(self, img, c, update_emas=False, **block_options):
        x = None
        for resolution in self.block_resolutions:
            x, img = getattr(self, "b%d" % resolution)(x, img, **block_options)
        cmap = self.mapping(None, c) if self.c_dim > 0 else None
        return self.b4(x, img, cmap)


class AugmentPipe(_Module):
    """Keeps the strength p of the augmentation, and which transforms took part; not the transforms."""

    def forward(self, images, debug_percentile=None):
        raise NotImplementedError("this file keeps the augmentation's p, not its program: build a new one")
