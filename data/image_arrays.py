"""Pictures that come as arrays: .npz archives of pixels or of JPEG bytes, and the IDX files of MNIST."""

from __future__ import annotations

import gzip
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np

from data.errors import BadInput
from data.image_decoding import decode
from data.image_source import Part, Source

IDX = {"train": "train", "t10k": "test"}  # the prefix of the files' names -> part
FORMS = "x_train, y_train (x_test, y_test) of uint8 pictures, or train_jpeg, train_offset, train_label (test_...)"
FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


def read_npz(path: str) -> Source:
    """A .npz of pixels, as Keras has MNIST's, or of JPEG bytes with the offset of each.

    Raises:
        BadInput: with the file and the array.
    """
    arrays = _arrays(path)
    jpeg, name = "train_jpeg" in arrays, Path(path).stem
    about = {"name": name, "source": "the user's files", "licence": "not stated"}
    found: dict[str, int] = {}
    parts = {}
    for part in ("train", "val", "test"):
        if f"{part}_jpeg" in arrays:
            parts[part] = _of_jpegs(arrays, part, path)
        elif f"x_{part}" in arrays:
            labels = _need(arrays, f"y_{part}", path)
            labels = labels[:, 0] if labels.shape[1:] == (1,) else labels  # as Keras has those of CIFAR
            parts[part] = Part(_pixels(arrays[f"x_{part}"], f"{path}:x_{part}"), labels)
    if "train" not in parts:
        raise BadInput("no pictures to learn from", wanted=FORMS, got=", ".join(arrays) or "nothing", where=path)
    if jpeg:
        about["source"] = "the user's files; lossy: pictures were kept as JPEG"
        found["decoded from JPEG, lossy"] = sum(len(part.labels) for part in parts.values())
    return Source(labelled(parts, path), _names(arrays, parts, path), about, {"data": path}, found=found)


def read_idx(folder: str) -> Source:
    """The four files of MNIST's form in a folder: train-images-idx3-ubyte, t10k-labels-idx1-ubyte ..., plain or .gz.

    Raises:
        BadInput: with the file.
    """
    parts: dict[str, Part] = {}
    files: dict[str, str] = {}
    for prefix, part in IDX.items():
        paths = [_idx_path(folder, f"{prefix}-{kind}-ubyte") for kind in ("images-idx3", "labels-idx1")]
        images, labels = (_idx(path, axes) for path, axes in zip(paths, (3, 1), strict=True))
        parts[part] = Part(images[..., None], labels)
        files |= {f"{part} images": str(paths[0]), f"{part} labels": str(paths[1])}
    parts = labelled(parts, folder)
    if "fashion" in str(Path(folder).resolve()).lower():
        source = "Zalando Research, Fashion-MNIST (Xiao, Rasul, Vollgraf 2017)"
        return Source(parts, list(FASHION), {"name": "fashion_mnist", "source": source, "licence": "MIT"}, files)
    classes = [str(label) for label in range(1 + max(int(part.labels.max()) for part in parts.values()))]
    about = {"name": Path(folder).name, "source": "the user's files", "licence": "not stated"}
    return Source(parts, classes, about, files)


def is_idx(folder: str) -> bool:
    """Whether a folder holds MNIST's files."""
    return any(Path(folder).glob("train-images-idx3-ubyte*"))


def _arrays(path: str) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except OSError as error:
        raise BadInput(error.strerror or "cannot be read", wanted="a .npz file", where=path) from None
    except (ValueError, zipfile.BadZipFile, zlib.error, EOFError, AttributeError) as error:
        got = str(error)[:80] if zipfile.is_zipfile(path) else "no archive, or one cut short"
        raise BadInput("not a .npz of plain arrays", wanted=FORMS, got=got, where=path) from None


def _need(arrays: Mapping[str, np.ndarray], name: str, path: str) -> np.ndarray:
    if name not in arrays:
        raise BadInput(f"no array {name!r}", wanted=FORMS, got=", ".join(arrays), where=path)
    return arrays[name]


def _pixels(values: np.ndarray, where: str) -> np.ndarray:
    """(rows, height, width, channels) of an array of pictures with or without an axis of channels."""
    shaped = values[..., None] if values.ndim == 3 else values
    if values.dtype != np.uint8 or shaped.ndim != 4 or shaped.shape[-1] not in (1, 3) or not shaped.size:
        wanted = "uint8 of shape (rows, height, width) or (rows, height, width, 1 or 3)"
        raise BadInput(
            "pictures of another form", wanted=wanted, got=f"{values.dtype} of shape {values.shape}", where=where
        )
    return shaped


def _of_jpegs(arrays: Mapping[str, np.ndarray], part: str, path: str) -> Part:
    """Pictures out of concatenated bytes, of which `offset` says where each begins, and the last one ends."""
    data, starts, labels = (_need(arrays, f"{part}_{kind}", path) for kind in ("jpeg", "offset", "label"))
    whole = starts.ndim == 1 and starts.dtype.kind in "iu" and len(starts) == len(labels) + 1 and len(labels)
    if not whole or starts[0] != 0 or starts[-1] != len(data) or (np.diff(starts.astype(np.int64)) < 0).any():
        raise BadInput(
            "offsets that do not cut the bytes into pictures",
            wanted="rows + 1 rising numbers from 0 to the end",
            got=f"{starts.dtype} of shape {starts.shape}",
            where=f"{path}:{part}_offset",
        )
    decoded = decode([data[a:b].tobytes() for a, b in pairwise(starts.tolist())])
    if decoded.broken:
        first = decoded.broken[0]
        raise BadInput("a picture that cannot be read", got=first.why, where=f"{path}:{part}_jpeg[{first.row}]")
    return Part(decoded.pixels, labels)


def labelled(parts: Mapping[str, Part], where: str) -> dict[str, Part]:
    """Parts with labels that are class indices, one a picture."""
    for name, part in parts.items():
        labels, place = np.asarray(part.labels), f"{where}: {name} labels"
        if labels.dtype.kind not in "iu" or labels.shape != (len(part.pixels),):
            wanted = f"a whole number for each of {len(part.pixels):,} pictures"
            raise BadInput(
                "labels of another form", wanted=wanted, got=f"{labels.dtype} of shape {labels.shape}", where=place
            )
        if labels.min() < 0:
            raise BadInput("a label below 0", wanted="class indices from 0", got=int(labels.min()), where=place)
    return {name: Part(part.pixels, part.labels.astype(np.int64)) for name, part in parts.items()}


def _names(arrays: Mapping[str, np.ndarray], parts: Mapping[str, Part], path: str) -> list[str]:
    """The classes: an array `classes`, or numbers up to the largest label of training."""
    largest = {name: int(np.max(part.labels, initial=0)) for name, part in parts.items() if len(part.labels)}
    names = (
        arrays["classes"].astype(str).tolist() if "classes" in arrays else [str(i) for i in range(largest["train"] + 1)]
    )
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise BadInput(f"two classes are named {twice[0]!r}", wanted="one", where=f"{path}: classes")
    for name, label in largest.items():
        if label >= len(names):
            raise BadInput(
                "a label outside the classes",
                wanted=f"0 to {len(names) - 1}",
                got=label,
                where=f"{path}: {name} labels",
            )
    return names


def _idx_path(folder: str, stem: str) -> Path:
    for name in (stem, f"{stem}.gz"):
        if (path := Path(folder) / name).is_file():
            return path
    raise BadInput("no such file", wanted="the four IDX files", where=str(Path(folder) / stem))


def _idx(path: Path, axes: int) -> np.ndarray:
    """An array of bytes in the IDX form: two zeros, the type, the number of axes, each axis' length, the values."""
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    except (OSError, EOFError, zlib.error) as error:
        raise BadInput("cannot be read", wanted="an IDX file, whole", got=str(error)[:80], where=str(path)) from None
    head = 4 + 4 * axes
    if data[:4] != bytes([0, 0, 8, axes]) or len(data) < head:
        raise BadInput("not an IDX file", wanted=f"bytes on {axes} axes", got=data[:4].hex(" "), where=str(path))
    shape = struct.unpack(f">{axes}i", data[4:head])
    if len(data) - head != int(np.prod(shape)):
        raise BadInput(
            "cut short, or too long", wanted=f"{np.prod(shape):,} bytes", got=f"{len(data) - head:,}", where=str(path)
        )
    return np.frombuffer(data, np.uint8, offset=head).reshape(shape)
