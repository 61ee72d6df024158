"""How much memory training takes, computed before it begins: the phases are run on paper.

On paper means with PyTorch's meta tensors, which have shapes and no values: the trainer's own phases run with
them, and every tensor that is alive is counted. So the plan follows the code. Instead of kernels there are
objects that only allocate their results.
"""

from __future__ import annotations

import dataclasses
import weakref
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode  # PyTorch has no public way to see every tensor

from stylegan_pokemon.networks.config import DiscriminatorConfig, GeneratorConfig
from stylegan_pokemon.networks.discriminator import Discriminator, minibatch_group_size
from stylegan_pokemon.networks.generator import Generator
from stylegan_pokemon.networks.layers import Block
from stylegan_pokemon.ops import backend
from stylegan_pokemon.ops.grid_sample import grid_sample_reference
from stylegan_pokemon.ops.kernels import Kernels
from stylegan_pokemon.render.images import micro_batch
from stylegan_pokemon.training.settings.config import ADA_CAP, StyleGAN2Config
from stylegan_pokemon.training.systems.lanes import lane_sizes
from stylegan_pokemon.training.systems.stylegan2 import StyleGAN2Trainer

GRID = "grid"  # the name of what a tick renders, beside the phases


@dataclass(frozen=True)
class Footprint:
    """Bytes by use. `phases` holds the peak of each phase on top of networks and optimisers."""

    networks: int  # G, D, the average G_ema and, for the layout loss, the start
    optimizers: int  # two moments for every parameter of G and D
    gradients: dict[str, int]  # of each phase's network, and those that its lanes hold; part of its peak
    phases: dict[str, int]
    lanes: int  # micro-batches that are computed side by side,
    at_once: int  # and the pictures of all of them

    @property
    def peak(self) -> int:
        """All that is alive at the worst moment."""
        return self.networks + self.optimizers + max(self.phases.values())


class Tracker(TorchDispatchMode):
    """Counts the bytes of all tensors on a device that are made within it and still alive, and their peak."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self._device = device
        self.live = 0
        self.peak = 0
        self._seen: weakref.WeakSet[torch.UntypedStorage] = weakref.WeakSet()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, (tuple, list)) else (result,):
            if isinstance(tensor, torch.Tensor) and tensor.device.type == self._device:
                self._count(tensor)
        return result

    def leave_out(self, *networks: torch.nn.Module) -> None:
        """Do not count what `networks` hold already, of which views would else look like new tensors."""
        for network in networks:
            for tensor in (*network.parameters(), *network.buffers()):
                self._seen.add(tensor.untyped_storage())

    def restart(self) -> None:
        """Begin a new peak at what is alive now."""
        self.peak = self.live

    def _count(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage in self._seen:
            return
        self._seen.add(storage)
        size = storage.nbytes()
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._forget, size)

    def _forget(self, size: int) -> None:
        self.live -= size


def footprint(config: StyleGAN2Config, kernels: bool, card: bool = False) -> Footprint:
    """What training with `config` takes, with kernels of ours or with plain PyTorch, on a CUDA card or not.

    Of the batch one micro-batch is run, beside the gradients of those before it. On a processor as many lanes
    as it has threads compute one each, at the same time: every lane holds activations and gradients of its
    own, and one micro-batch that is done may wait with its gradients. No randomness but this function's own
    is touched.
    """
    lanes, micro = _lanes(config)
    at_once = min(lanes * micro, config.batch)
    several = config.batch > at_once  # rounds of lanes: gradients of earlier ones are there already
    p = ADA_CAP if config.aug == "ada" else config.p  # what it may become
    plain = dataclasses.replace(
        config, device="meta", batch=micro, batch_gpu=micro, p=p, augpipe=_quiet(config.augpipe)
    )
    with torch.device("meta"):
        G = Generator(GeneratorConfig.from_json(config.generator))
        G_ema = Generator(GeneratorConfig.from_json(config.generator))
        D = Discriminator(DiscriminatorConfig.from_json(config.discriminator))
    if config.precision == "fp16":
        _store_in_16_bits(G, D, G_ema)
    phases: dict[str, int] = {}
    gradients: dict[str, int] = {}
    pictures: Any = _Pictures(plain)
    trainer = StyleGAN2Trainer(plain, pictures, G, D, G_ema)
    held = [G, D, G_ema, *([trainer.G_start] if trainer.G_start is not None else [])]
    with backend.using(_OnPaper() if kernels else None), Tracker("meta") as tracker:
        tracker.leave_out(*held)
        phases[GRID] = _grid_peak(tracker, G_ema, config)
        gradients[GRID] = 0
        reals = trainer.next_batch()
        for phase in trainer.phases:
            network = phase.network.requires_grad_(True)
            if several:
                for parameter in network.parameters():
                    parameter.grad = torch.empty_like(parameter)
            tracker.restart()
            phase.accumulate(reals, torch.Generator().manual_seed(0))
            size = sum(x.grad.nbytes for x in network.parameters() if x.grad is not None)
            shared, waiting = size * several, size * (several and lanes > 1)
            # Each lane holds gradients of all parameters, and activations of its pictures.
            activations = (tracker.peak - shared - size) * at_once // micro
            gradients[phase.name] = size if lanes == 1 else lanes * size + shared + waiting
            phases[phase.name] = shared + activations + lanes * size + waiting
            network.zero_grad(set_to_none=True)
            network.requires_grad_(False)
    if card and not kernels and config.aug != "noaug":
        extra = _sampling(config)
        phases |= {name: peak + extra for name, peak in phases.items() if name not in (GRID, "Greg")}
    networks = sum(t.nbytes for network in held for t in network.state_dict().values())
    moments = 2 * sum(p.nbytes for network in (G, D) for p in network.parameters())
    return Footprint(networks, moments, gradients, phases, lanes, at_once)


def _lanes(config: StyleGAN2Config) -> tuple[int, int]:
    """As the trainer: how many micro-batches are computed side by side, and the pictures of each."""
    group = minibatch_group_size(config.batch, config.discriminator["mbstd_group_size"])
    threads = torch.get_num_threads() if config.device == "cpu" else 1
    return lane_sizes(config.batch_gpu, group, threads)


def _grid_peak(tracker: Tracker, G_ema: Generator, config: StyleGAN2Config) -> int:
    n = micro_batch(config.img_resolution)
    z = torch.empty(n, G_ema.z_dim, device="meta")
    c = torch.empty(n, G_ema.c_dim, device="meta") if config.classes else None
    with torch.no_grad():
        G_ema(z, c, noise_mode="const")
    return tracker.peak


def _sampling(config: StyleGAN2Config) -> int:
    """What sampling turned pictures takes on a card without kernels, by deterministic algorithms."""
    n, doubled = config.batch_gpu, 2 * config.img_resolution
    with Tracker("meta") as tracker:
        x = torch.empty(n, config.img_channels, doubled, doubled, device="meta", requires_grad=True)
        kept = grid_sample_reference(x, torch.empty(n, doubled, doubled, 2, device="meta"))
        del kept
    return tracker.peak


def _quiet(augpipe: str) -> str:
    """The same augmentations without noise, which needs values and takes no more than the others."""
    return augpipe.rstrip("c").replace("n", "") if augpipe in ("bgcfn", "bgcfnc") else augpipe


def _store_in_16_bits(*networks: torch.nn.Module) -> None:
    """As on a card: float16 is for CUDA devices only, bfloat16 takes as much."""
    for network in networks:
        for block in network.modules():
            if isinstance(block, Block):
                block.bf16 = block.use_fp16


class _Pictures:
    """A data set of the right shape."""

    def __init__(self, config: StyleGAN2Config) -> None:
        self.config = config
        self.labels = torch.zeros(len(self), dtype=torch.long) if config.classes else None

    def __len__(self) -> int:
        return self.config.images

    def images(self, indices: Any) -> torch.Tensor:
        size = self.config.img_resolution
        return torch.empty(
            len(indices), self.config.img_channels, size, size, dtype=torch.uint8, device="meta"
        )

    def one_hot(self, indices: Any) -> torch.Tensor:
        return torch.empty(len(indices), len(self.config.classes), device="meta")


class _OnPaper(Kernels):
    """Kernels whose results are allocated and not computed."""

    name = "on paper"

    def supports(self, x: torch.Tensor) -> bool:
        return x.ndim == 4

    def _nothing(self, *_: Any, **__: Any) -> None: ...

    def _epilogue_backward(self, grad: torch.Tensor, *_: Any) -> torch.Tensor:
        return grad.new_empty(3, *grad.shape[:2], dtype=torch.float32)

    def _scale_and_dot(self, a: torch.Tensor, *_: Any) -> torch.Tensor:
        return a.new_empty(a.shape[:2], dtype=torch.float32)

    _epilogue = _epilogue_grad = _scale_channels = _upfirdn2d = _nothing
    _grid_gather = _grid_scatter = _colour_transform = _nothing
