"""Published sets of pictures by their names: scikit-learn's digits, and those of tensorflow-datasets."""

from __future__ import annotations

from typing import Any

import numpy as np

from data.errors import BadInput
from data.image_arrays import labelled
from data.image_decoding import USUAL_SIDE, common_shape, require_memory
from data.image_fitting import fit, image_of
from data.image_source import Part, Source
from data.public_sets import opened, rows_of

SPLITS = {"train": "train", "validation": "val", "test": "test"}  # of tensorflow-datasets -> part


def digits() -> Source:
    """The 1,797 handwritten digits of scikit-learn: the first half to learn from, the second to be judged on."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    pixels = np.round(images.reshape(-1, 8, 8, 1) * (255 / 16)).astype(np.uint8)
    half = len(labels) // 2
    parts = {"train": Part(pixels[:half], labels[:half]), "test": Part(pixels[half:], labels[half:])}
    about = {
        "name": "digits",
        "source": "UCI Machine Learning Repository, optical recognition of handwritten digits (Alpaydin, Kaynak 1998)",
        "licence": "CC BY 4.0",
        "part_rule": "the first half trains, the second tests, in the order of the file",
    }
    return Source(parts, [str(digit) for digit in range(10)], about)


def published(name: str, side: int, instead: str = "--data.path") -> Source:
    """A set of tensorflow-datasets by its name, read row by row through `tfds.data_source`.

    Args:
        name: of the set.
        side: height and width; 0 keeps those of the set, if they are one and small, else 64.
        instead: what else would help where the set cannot be had.

    Raises:
        BadInput: no such set, not one of pictures with labels, or it cannot be had.
    """
    builder = opened(name, ("image", "label"), "digits, fashion_mnist or a name of tensorflow-datasets", instead)
    image, label = (builder.info.features[feature] for feature in ("image", "label"))
    if not hasattr(label, "names") or image.np_dtype != np.uint8 or image.shape[-1] not in (1, 3):
        what = "data: a set without what is to be learnt from here"
        raise BadInput(what, wanted="pictures of 8 bits, each of one class", got=f"{name}: {image}, {label}")
    shape, there = _shape(image.shape, side), {"train", *builder.info.splits}
    parts = {p: _rows(rows_of(builder, split), shape) for split, p in SPLITS.items() if split in there}
    source = f"tensorflow-datasets {builder.info.full_name}"
    about = {"name": name, "source": source, "licence": "that of the set, see its page"}
    return Source(labelled(parts, name), list(label.names), about)


def _shape(of_set: tuple[int | None, int | None, int], side: int) -> tuple[int, int, int]:
    """The shape in which all are taken; a set of pictures of several sizes does not state one."""
    height, width, channels = of_set
    if height is None or width is None:
        return side or USUAL_SIDE, side or USUAL_SIDE, channels
    return common_shape([(height, width, channels == 3)], side)


def _rows(source: Any, shape: tuple[int, int, int]) -> Part:
    """The rows of a data source, one at a time: as they come, they may be larger than the memory."""
    require_memory(len(source), shape)
    pixels, labels = np.zeros((len(source), *shape), np.uint8), np.zeros(len(source), np.int64)
    for i in range(len(source)):
        row = source[i]
        pixels[i], labels[i] = fit(image_of(row["image"]), shape, []), row["label"]
    return Part(pixels, labels)
