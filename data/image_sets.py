"""Published sets of pictures by their names: scikit-learn's digits, and those of tensorflow-datasets."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from data.errors import BadInput
from data.image_decoding import decode, encode_png
from data.image_source import Part, Source


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
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name, try_gcs=False)
    except (ValueError, ImportError, LookupError, tfds.core.load.DatasetNotFoundError) as error:
        reason = str(error).strip().partition("\n")[0][:120]
        raise BadInput(
            "data: unknown name",
            wanted="digits, fashion_mnist or a name of tensorflow-datasets",
            got=f"{name} ({reason})",
        ) from None
    if not {"image", "label"} <= set(builder.info.features or {}):
        raise BadInput("data: not a set of pictures with labels", wanted="features `image` and `label`", got=name)
    try:
        builder.download_and_prepare()
        sources = tfds.data_source(name, try_gcs=False)
    except Exception as error:  # of the network, the disk, or a set without random access
        reason = str(error).strip().partition("\n")[0][:160]
        raise BadInput("the set cannot be had", wanted="a network, or --data.path", got=reason, where=name) from None
    known = {"train": "train", "validation": "val", "val": "val", "test": "test"}
    parts = {known[split]: _rows(source, side) for split, source in sources.items() if split in known}
    if "train" not in parts:
        raise BadInput("no split to learn from", wanted="train", got=", ".join(sources), where=name)
    licence = "see tensorflow-datasets"
    about = {"name": builder.info.full_name, "source": f"tensorflow-datasets {name}", "licence": licence}
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
