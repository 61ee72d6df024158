"""A dataset zip as tensors: the layout that StyleGAN tools share, plus our `classes`."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from dataset_tool.creatures import creatures_of
from stylegan_pokemon.data.creatures import held_out
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.networks.layers import memory_format

_CHANNELS = {"L": 1, "RGB": 3, "RGBA": 4}
_PICTURES = (".png", ".jpg", ".jpeg")
_MODES = {count: mode for mode, count in _CHANNELS.items()}
SizeOf = Callable[[int], int]
_MEMORY_LIMIT = 4 << 30
"""Sets up to this many bytes once decoded are held in memory (5,461 RGB pictures at 512×512)."""
_THREADS = 2  # Pillow decodes outside the interpreter's lock


@dataclass(frozen=True)
class DatasetFacts:
    """What a run must know of its data, all of it JSON-able."""

    path: str
    images: int
    resolution: int
    channels: int
    classes: tuple[str, ...]  # names by label; empty without labels
    sha256: str  # of the entries' names and checksums: two zips with the same pictures agree
    class_sizes: tuple[int, ...]  # pictures of each class


class SpriteDataset:
    """Pictures [C, R, R] uint8 and labels of a dataset zip, in the order of their names.

    Args:
        path: the zip.
        subset: use only this many pictures, drawn with `seed`; None or a larger number uses all.
        seed: of the two draws.
        size_of: at which size pictures are wanted, by the zip's resolution; None takes them as they are.
        holdout: this share of the pictures, whole creatures drawn with `seed`, is not in it; `subset` is
            drawn from the rest. `heldout` is the same share as a set of its own.

    Raises UserError naming the zip for everything that is no such dataset. Close it, or use it in `with`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        subset: int | None = None,
        seed: int = 0,
        holdout: float = 0.0,
        size_of: SizeOf | None = None,
    ) -> None:
        archive = _Archive(Path(path))
        self._take(archive, archive.split(holdout, seed)[0], subset, seed, size_of)
        _close_if_read(archive, self)

    @classmethod
    def heldout(
        cls, path: str | os.PathLike[str], seed: int, holdout: float, size_of: SizeOf | None = None
    ) -> SpriteDataset:
        """The pictures that a set with this seed and `holdout` lacks."""
        archive = _Archive(Path(path))
        dataset = cls._of(archive, archive.split(holdout, seed)[1], None, seed, size_of)
        _close_if_read(archive, dataset)
        return dataset

    @classmethod
    def _of(cls, *arguments: Any) -> SpriteDataset:
        dataset = cls.__new__(cls)
        dataset._take(*arguments)
        return dataset

    def _take(
        self, archive: _Archive, keep: np.ndarray, subset: int | None, seed: int, size_of: SizeOf | None
    ) -> None:
        path, labels, classes = archive.path, archive.labels, archive.classes
        if subset is not None and subset < len(keep):
            keep = keep[np.sort(np.random.RandomState(seed % 2**32).permutation(len(keep))[:subset])]
        self._zip = archive.zip
        self._names = [archive.names[i] for i in keep]
        self.sources = tuple(archive.sources[i] for i in keep)
        """The original file of every picture, where the zip tells it, else its name in the zip."""
        self.labels = None if labels is None else torch.from_numpy(labels[keep])
        first = _decode(_content(self._zip, self._names[0]), f"{path}/{self._names[0]}")
        channels, height, width = first.shape
        if height != width or width & (width - 1) or width < 8:
            raise UserError(
                f"{path}: {self._names[0]} is {width}×{height}; training needs power-of-two squares,"
                " make them with `python -m dataset_tool convert`"
            )
        self._shape = first.shape
        self.stored_resolution = width
        self._size = width if size_of is None else size_of(width)
        self.facts = DatasetFacts(
            path=str(path),
            images=len(self._names),
            resolution=self._size,
            channels=channels,
            classes=tuple(classes),
            sha256=self._digest(),
            class_sizes=()
            if self.labels is None
            else tuple(torch.bincount(self.labels, minlength=len(classes)).tolist()),
        )
        self._images: torch.Tensor | None = None
        if len(self._names) * channels * self._size**2 <= _MEMORY_LIMIT:
            self._images = self._read(range(len(self._names)))

    def __len__(self) -> int:
        return len(self._names)

    def __enter__(self) -> SpriteDataset:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def images(self, indices: np.ndarray | list[int]) -> torch.Tensor:
        """The pictures at `indices` as [len(indices), C, R, R] uint8."""
        if self._images is not None:
            return self._images[torch.as_tensor(np.asarray(indices), dtype=torch.long)]
        return self._read(indices)

    def creatures(self) -> int:
        """How many creatures the pictures show, by the names of their files."""
        return len(set(creatures_of(self.sources)))

    def one_hot(self, indices: np.ndarray | list[int]) -> torch.Tensor:
        """The labels at `indices` as [len(indices), classes] float32; UserError without labels."""
        if self.labels is None:
            raise UserError(
                f"{self.facts.path} has no labels; convert it with --labels, or train without --cond"
            )
        chosen = self.labels[torch.as_tensor(np.asarray(indices), dtype=torch.long)]
        return torch.nn.functional.one_hot(chosen, len(self.facts.classes)).to(torch.float32)

    def _read(self, indices: np.ndarray | list[int] | range) -> torch.Tensor:
        data = [(self._names[i], _content(self._zip, self._names[i])) for i in indices]
        size = (self._size, self._size)
        result = np.empty((len(data), self._shape[0], *size), dtype=np.uint8)

        def decode(job: tuple[int, tuple[str, bytes]]) -> None:
            index, (name, content) = job
            picture = _decode(content, f"{self.facts.path}/{name}")
            if picture.shape != self._shape:
                raise UserError(
                    f"{self.facts.path}: {name} is {_shape_of(picture)}, others are"
                    f" {self._shape[2]}×{self._shape[1]} with {self._shape[0]} channels; convert again"
                )
            result[index] = picture if picture.shape[1:] == size else _resampled(picture, size)

        with ThreadPoolExecutor(_THREADS) as pool:
            list(pool.map(decode, enumerate(data)))
        return torch.from_numpy(result)

    def _digest(self) -> str:
        digest = hashlib.sha256()
        for name in self._names:
            digest.update(f"{name} {self._zip.getinfo(name).CRC:08x}\n".encode())
        if self.labels is not None:
            digest.update(self.labels.numpy().astype("<i8").tobytes())
        return digest.hexdigest()


class _Archive:
    """A dataset zip, opened and described once: names of pictures, their labels and original files."""

    def __init__(self, path: Path) -> None:
        self.path, self.zip = path, _open(path)
        self.names = sorted(n for n in self.zip.namelist() if n.lower().endswith(_PICTURES))
        if not self.names:
            raise UserError(f"{path} holds no pictures; make a dataset with `python -m dataset_tool convert`")
        described = "dataset.json" in self.zip.namelist()
        content = _content(self.zip, "dataset.json") if described else b"{}"
        try:
            description = json.loads(content)
            self.labels, self.classes = _labels(description, self.names, path)
        except (ValueError, TypeError, AttributeError, OverflowError) as error:
            raise UserError(f"{path}: dataset.json is damaged ({error}); convert the set again") from error
        self.sources = _sources(description, self.names)

    def split(self, holdout: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the pictures to train on, and of those held out, whole creatures drawn with `seed`."""
        everything = np.arange(len(self.names))
        if not holdout:
            return everything, everything[:0]
        held = held_out(self.sources, holdout, seed, str(self.path))
        return everything[~held], everything[held]


def _close_if_read(archive: _Archive, *sets: SpriteDataset) -> None:
    """Let go of a zip whose pictures are all in memory: Windows neither moves nor deletes an open file."""
    if all(dataset._images is not None for dataset in sets):
        archive.zip.close()


def _sources(description: dict[str, Any], names: list[str]) -> list[str]:
    """The original files of the pictures: `sources` in dataset.json, which sets of other tools lack."""
    try:
        by_name = {str(name): str(source) for name, source in description.get("sources") or ()}
    except (ValueError, TypeError):
        by_name = {}
    return [by_name.get(name, name) for name in names]


@contextlib.contextmanager
def open_sets(
    path: str | Path, subset: int | None, seed: int, holdout: float, size_of: SizeOf | None = None
) -> Iterator[tuple[SpriteDataset, SpriteDataset | None]]:
    """The pictures to train on and those held out, None without `holdout`, closed at the end."""
    archive = _Archive(Path(path))
    with archive.zip:
        train, held = archive.split(holdout, seed)
        dataset = SpriteDataset._of(archive, train, subset, seed, size_of)
        heldout = SpriteDataset._of(archive, held, None, seed, size_of) if holdout else None
        _close_if_read(archive, dataset, *([] if heldout is None else [heldout]))
        yield dataset, heldout


def check_zip(path: str | Path) -> None:
    """Raise UserError unless `path` is a zip: soon said, before something long such as a download begins."""
    _open(Path(path)).close()


def _open(path: Path) -> zipfile.ZipFile:
    if path.is_dir():
        raise UserError(f"--data {path} is a folder; make a zip of it with `python -m dataset_tool convert`")
    if not path.is_file():
        raise UserError(
            f"--data {path} does not exist; make it with `python -m dataset_tool convert FOLDER {path}`"
        )
    try:
        return zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise UserError(
            f"--data {path} is no zip file; make one with `python -m dataset_tool convert`"
        ) from error


def _content(archive: zipfile.ZipFile, name: str) -> bytes:
    try:
        return archive.read(name)
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, OSError, EOFError) as error:
        raise UserError(
            f"{archive.filename}: {name} cannot be read ({error}); convert the set again"
        ) from error


def _decode(data: bytes, name: str) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.mode not in _CHANNELS:
                raise UserError(f"{name} has colour mode {image.mode}; convert the set with dataset_tool")
            array = np.asarray(image, dtype=np.uint8)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:  # Pillow's are all four
        raise UserError(f"{name} is no readable picture ({error}); convert the set again") from error
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


def _resampled(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """[C, H, W] uint8 at another size (Lanczos); colours under alpha weigh as much as they are seen."""
    image = Image.fromarray(picture.transpose(1, 2, 0).squeeze(), _MODES[len(picture)])
    if image.mode == "RGBA":
        image = image.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")
    else:
        image = image.resize(size, Image.Resampling.LANCZOS)
    array = np.asarray(image)
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


def _labels(description: dict[str, Any], names: list[str], path: Path) -> tuple[np.ndarray | None, list[str]]:
    pairs = description.get("labels")
    if not pairs:
        return None, []
    by_name = {str(name).replace("\\", "/"): int(label) for name, label in pairs}
    try:
        labels = np.array([by_name[name] for name in names], dtype=np.int64)
    except KeyError as error:
        raise UserError(f"{path}: dataset.json has no label for {error}; convert the set again") from error
    count = int(labels.max()) + 1
    classes = [str(name) for name in description.get("classes") or range(count)]
    if labels.min() < 0 or count > len(classes):
        raise UserError(f"{path}: dataset.json has a label outside its {len(classes)} classes; convert again")
    return labels, classes


def to_unit_range(pictures: torch.Tensor, mirrored: np.ndarray, device: torch.device) -> torch.Tensor:
    """uint8 [N, C, R, R] to float32 in [−1, 1] on the device, in its layout; mirrored where asked."""
    layout = memory_format(device, torch.float32)
    images = pictures.to(device).to(torch.float32).contiguous(memory_format=layout)
    images = images / 127.5 - 1
    mask = torch.from_numpy(mirrored).to(device)
    return torch.where(mask[:, None, None, None], images.flip(3), images) if mirrored.any() else images


def _shape_of(picture: np.ndarray) -> str:
    return f"{picture.shape[2]}×{picture.shape[1]} with {picture.shape[0]} channels"
