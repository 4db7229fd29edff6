"""Published sets of pictures by their names: scikit-learn's digits, and those of tensorflow-datasets."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from data.image_decoding import decode, encode_png
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


def published(name: str, side: int) -> Source:
    """A set of tensorflow-datasets by its name, read row by row through `tfds.data_source`.

    Raises:
        BadInput: no such set, not one of pictures with labels, or it cannot be had.
    """
    builder = opened(name, ("image", "label"), "digits, fashion_mnist or a name of tensorflow-datasets")
    there = {"train", *builder.info.splits}
    parts = {p: _rows(rows_of(builder, split), side) for split, p in SPLITS.items() if split in there}
    source = f"tensorflow-datasets {builder.info.full_name}"
    about = {"name": name, "source": source, "licence": "that of the set, see its page"}
    return Source(parts, list(builder.info.features["label"].names), about)


def _rows(source: Any, side: int) -> Part:
    """The rows of a data source; pictures of several sizes are resized as files are."""
    rows = [source[i] for i in range(len(source))]
    labels = np.array([row["label"] for row in rows], np.int64)
    sizes = {row["image"].shape for row in rows}
    if len(sizes) == 1 and not side:
        return Part(np.stack([row["image"] for row in rows]), labels)
    decoded = decode([partial(encode_png, row["image"]) for row in rows], side=side)
    return Part(decoded.pixels, labels[decoded.kept])
