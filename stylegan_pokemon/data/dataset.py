"""A dataset zip as tensors: the layout that StyleGAN tools share, plus our `classes`."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from dataset_tool.creatures import creatures_of
from dataset_tool.reading.dataset_zip import DatasetZip, problem_sentence, read_dataset
from dataset_tool.reading.pixels import (
    Pixels,
    decode_pixels,
    other_shape,
    premultiplied,
    straight,
    unusable_shape,
)
from dataset_tool.reading.sniff import TORCH, UNKNOWN, kind_of_file
from dataset_tool.reading.sources import Entry, close_archives, entry_info, is_zip, open_zip, read_entry
from stylegan_pokemon.data.creatures import held_out
from stylegan_pokemon.errors import UserError
from stylegan_pokemon.networks.layers import memory_format

SizeOf = Callable[[int], int]
_MEMORY_LIMIT = 4 << 30
"""Sets up to this many bytes once decoded are held in memory (5,461 RGB pictures at 512×512)."""
_THREADS = 2  # Pillow decodes outside the interpreter's lock
_THREADS_FROM = 128  # pixels a side; below, threads wait for that lock more than they decode


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
    label_fault: str = ""  # why the labels cannot be used; empty if they can, or if there are none
    premultiplied: bool = False  # whether colours are multiplied by alpha, as `convert --alpha` writes them


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
        with _opened(Path(path)) as archive:
            self._take(archive, _split(archive, holdout, seed)[0], subset, seed, size_of)
            _close_if_read(archive, self)

    @classmethod
    def heldout(
        cls, path: str | os.PathLike[str], seed: int, holdout: float, size_of: SizeOf | None = None
    ) -> SpriteDataset:
        """The pictures that a set with this seed and `holdout` lacks."""
        with _opened(Path(path)) as archive:
            dataset = cls._of(archive, _split(archive, holdout, seed)[1], None, seed, size_of)
            _close_if_read(archive, dataset)
            return dataset

    @classmethod
    def _of(cls, *arguments: Any) -> SpriteDataset:
        dataset = cls.__new__(cls)
        dataset._take(*arguments)
        return dataset

    def _take(
        self, archive: DatasetZip, keep: np.ndarray, subset: int | None, seed: int, size_of: SizeOf | None
    ) -> None:
        if subset is not None and subset < len(keep):
            keep = keep[np.sort(np.random.RandomState(seed % 2**32).permutation(len(keep))[:subset])]
        self._path = archive.path
        self._entries = [archive.entries[i] for i in keep]
        self.sources = tuple(archive.sources[i] for i in keep)
        """The original file of every picture, where the zip tells it, else its name in the zip."""
        self.remarks = archive.remarks
        labels = archive.labels
        classes = () if labels is None else archive.class_names
        self.labels = None if labels is None else torch.tensor([labels[i] for i in keep], dtype=torch.int64)
        first = self._entries[0]
        self._shape = self._decoded(first, self._content(first)).shape
        if fault := unusable_shape(self._shape):
            raise UserError(
                f"{self._path}: {first.inside} is {fault}; training needs power-of-two squares,"
                " make them with `python -m dataset_tool convert`"
            )
        self.stored_resolution = self._shape.width
        self._size = self._shape.width if size_of is None else size_of(self._shape.width)
        self._premultiplied = archive.premultiplied and self._shape.channels == 4
        self.facts = DatasetFacts(
            path=str(self._path),
            images=len(self._entries),
            resolution=self._size,
            channels=self._shape.channels,
            classes=classes,
            sha256=self._digest(),
            class_sizes=()
            if self.labels is None
            else tuple(torch.bincount(self.labels, minlength=len(classes)).tolist()),
            label_fault=problem_sentence(self._path, archive.label_faults) if archive.label_faults else "",
            premultiplied=self._premultiplied,
        )
        self._images: torch.Tensor | None = None
        if len(self._entries) * self._shape.channels * self._size**2 <= _MEMORY_LIMIT:
            self._images = self._read(range(len(self._entries)))

    def __len__(self) -> int:
        return len(self._entries)

    def __enter__(self) -> SpriteDataset:
        return self

    def __exit__(self, *_: object) -> None:
        close_archives(self._path)

    def images(self, indices: np.ndarray | list[int]) -> torch.Tensor:
        """The pictures at `indices` as the zip has them, [len(indices), C, R, R] uint8."""
        if self._images is not None:
            return self._images[torch.as_tensor(np.asarray(indices), dtype=torch.long)]
        return self._read(indices)

    def pictures(self, indices: np.ndarray | list[int]) -> np.ndarray:
        """The pictures at `indices` as people see them: [len(indices), R, R, C] uint8 with straight alpha."""
        pictures = self.images(indices).permute(0, 2, 3, 1).numpy()
        return straight(pictures) if self._premultiplied else pictures

    def creatures(self) -> int:
        """How many creatures the pictures show, by the names of their files."""
        return len(set(creatures_of(self.sources)))

    def one_hot(self, indices: np.ndarray | list[int]) -> torch.Tensor:
        """The labels at `indices` as [len(indices), classes] float32; UserError without labels."""
        if self.labels is None:
            fault = self.facts.label_fault or f"{self._path} has no labels"
            raise UserError(f"{fault}; convert it with --labels KIND, or train without --cond")
        chosen = self.labels[torch.as_tensor(np.asarray(indices), dtype=torch.long)]
        return torch.nn.functional.one_hot(chosen, len(self.facts.classes)).to(torch.float32)

    def _content(self, entry: Entry) -> bytes:
        try:
            return read_entry(entry)
        except ValueError as error:
            raise self._unreadable(entry, error) from error

    def _decoded(self, entry: Entry, content: bytes) -> Pixels:
        try:
            return decode_pixels(content)
        except ValueError as error:
            raise self._unreadable(entry, error) from error

    def _unreadable(self, entry: Entry, error: ValueError) -> UserError:
        return UserError(
            f"{self._path}: {entry.inside} is no readable picture: {error}; convert the set again"
        )

    def _read(self, indices: np.ndarray | list[int] | range) -> torch.Tensor:
        entries = [self._entries[i] for i in indices]
        contents = [self._content(entry) for entry in entries]
        size = (self._size, self._size)
        result = np.empty((len(entries), self._shape.channels, *size), dtype=np.uint8)

        def decode(index: int) -> None:
            picture = self._decoded(entries[index], contents[index])
            if fault := other_shape(picture.shape, self._shape):
                name = entries[index].inside
                raise UserError(f"{self._path}: {name} is {fault}; convert the set again")
            array = picture.array
            if array.shape[:2] != size and self._premultiplied:
                array = premultiplied(_resampled(straight(array), size))
            elif array.shape[:2] != size:
                array = _resampled(array, size)
            result[index] = array.transpose(2, 0, 1)

        if self._shape.width < _THREADS_FROM:
            for index in range(len(entries)):
                decode(index)
        else:
            with ThreadPoolExecutor(_THREADS) as pool:
                list(pool.map(decode, range(len(entries))))
        return torch.from_numpy(result)

    def _digest(self) -> str:
        digest = hashlib.sha256()
        for info in map(entry_info, self._entries):
            digest.update(f"{info.filename} {info.CRC:08x}\n".encode())
        if self._premultiplied:
            digest.update(b"premultiplied\n")
        if self.labels is not None:
            digest.update(self.labels.numpy().astype("<i8").tobytes())
        return digest.hexdigest()


def _split(archive: DatasetZip, holdout: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the pictures to train on, and of those held out, whole creatures drawn with `seed`."""
    everything = np.arange(len(archive.entries))
    if not holdout:
        return everything, everything[:0]
    held = held_out(archive.sources, holdout, seed, str(archive.path))
    return everything[~held], everything[held]


def _close_if_read(archive: DatasetZip, *sets: SpriteDataset) -> None:
    """Let go of a zip whose pictures are all in memory: Windows neither moves nor deletes an open file."""
    if all(dataset._images is not None for dataset in sets):
        close_archives(archive.path)


@contextlib.contextmanager
def open_sets(
    path: str | Path, subset: int | None, seed: int, holdout: float, size_of: SizeOf | None = None
) -> Iterator[tuple[SpriteDataset, SpriteDataset | None]]:
    """The pictures to train on and those held out, None without `holdout`, closed at the end."""
    with _opened(Path(path)) as archive:
        train, held = _split(archive, holdout, seed)
        dataset = SpriteDataset._of(archive, train, subset, seed, size_of)
        heldout = SpriteDataset._of(archive, held, None, seed, size_of) if holdout else None
        _close_if_read(archive, dataset, *([] if heldout is None else [heldout]))
        with dataset:
            yield dataset, heldout


def check_zip(path: str | Path) -> None:
    """Raise UserError unless `path` is a zip: soon said, before something long such as a download begins."""
    path = Path(path)
    if path.is_dir():
        raise UserError(f"--data {path} is a folder; make a zip of it with `python -m dataset_tool convert`")
    if not path.exists():
        raise UserError(
            f"--data {path} does not exist; make it with `python -m dataset_tool convert FOLDER {path}`"
        )
    kind = kind_of_file(path)
    if kind.what == TORCH or not path.is_file() or not is_zip(path):
        remedy = kind.remedy_or("make one with `python -m dataset_tool convert`")
        what = "" if kind.what in UNKNOWN else f"{kind.what}, "
        raise UserError(f"--data {path} is {what}no zip file; {remedy}")
    open_zip(path).close()


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[DatasetZip]:
    """The dataset zip at `path`, which stays open unless something is wrong with it."""
    check_zip(path)
    try:
        archive = read_dataset(path)
        if archive.faults:
            raise UserError(f"{problem_sentence(path, archive.faults)}; convert the set again")
        yield archive
    except BaseException:
        close_archives(path)
        raise


def _resampled(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """[H, W, C] uint8 at another size (Lanczos); colours under alpha weigh as much as they are seen."""
    image = Image.fromarray(picture[:, :, 0] if picture.shape[2] == 1 else picture)
    if image.mode == "RGBA":
        image = image.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")
    else:
        image = image.resize(size, Image.Resampling.LANCZOS)
    return np.asarray(image).reshape(*size, -1)


def to_unit_range(pictures: torch.Tensor, mirrored: np.ndarray, device: torch.device) -> torch.Tensor:
    """uint8 [N, C, R, R] to float32 in [−1, 1] on the device, in its layout; mirrored where asked."""
    layout = memory_format(device, torch.float32)
    images = pictures.to(device).to(torch.float32).contiguous(memory_format=layout)
    images = images / 127.5 - 1
    mask = torch.from_numpy(mirrored).to(device)
    return torch.where(mask[:, None, None, None], images.flip(3), images) if mirrored.any() else images
