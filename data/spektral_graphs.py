"""Graphs out of spektral's data sets, its `Citation` loader mended for the SciPy of today."""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse
from scipy.sparse import csr_array

from data.errors import BadInput
from data.features import Features
from data.graphs import PARTS, UNKNOWN, Source
from data.planetoid import CLASSES, classes_of


def read_spektral(dataset: Any) -> Source:
    """A graph out of a spektral `Dataset` of one: `x`, `a`, one-hot `y`, and masks `mask_tr`, `mask_va`, `mask_te`.

    Raises:
        BadInput: several graphs, or labels that are not one-hot.
    """
    if len(dataset) != 1:
        raise BadInput("a spektral dataset of several graphs", wanted="one graph", got=len(dataset))
    found = dataset[0]
    if found.x is None or found.a is None or found.y is None or np.ndim(found.y) != 2:
        raise BadInput("a spektral graph of another form", wanted="x, a and one-hot y", got=repr(found))
    adjacency = scipy.sparse.coo_array(found.a)
    parts = np.zeros(found.n_nodes, np.uint8)
    for part, mask in zip(PARTS[1:], ("mask_tr", "mask_va", "mask_te"), strict=True):
        if getattr(dataset, mask, None) is not None:
            parts[getattr(dataset, mask)] = PARTS.index(part)
    labels = classes_of(found.y)
    parts[labels == UNKNOWN] = 0
    name = getattr(dataset, "name", "")
    return Source(
        features=_features(found.x),
        citations=np.stack(adjacency.coords, axis=1).astype(np.int64),
        labels=labels,
        classes=CLASSES.get(name) or [str(number) for number in range(found.y.shape[1])],
        ids=np.arange(found.n_nodes),
        parts=parts if parts.any() else None,
    )


def spektral_citation(name: str) -> Any:
    """What spektral's `Citation(name)` gives, which reads, or fetches, its files under `~/spektral`.

    Raises:
        BadInput: the files are not there and cannot be fetched.
    """
    with _dense_as_attribute():
        from spektral.datasets.citation import Citation

        try:
            return Citation(name)
        except (OSError, ValueError, pickle.UnpicklingError) as error:
            folder = Path("~/spektral/datasets/Citation") / name
            wanted = f"files ind.{name}.* there, or --data.path FOLDER that holds them"
            raise BadInput(f"{name} is not at hand and cannot be fetched", wanted=wanted,
                           got=f"{type(error).__name__}: {str(error)[:80]}", where=str(folder)) from None  # fmt: skip


@contextlib.contextmanager
def _dense_as_attribute() -> Iterator[None]:
    """SciPy 1.14 took the attribute `.A` away, by which spektral's loader makes a matrix dense."""
    kinds = (scipy.sparse.csr_matrix, scipy.sparse.lil_matrix)
    lacking = [kind for kind in kinds if not hasattr(kind, "A")]
    for kind in lacking:
        kind.A = property(kind.toarray)
    try:
        yield
    finally:
        for kind in lacking:
            del kind.A


def _features(values: Any) -> Features:
    """Bags of words as CSR where most entries are zero, else as they are."""
    if scipy.sparse.issparse(values) or np.count_nonzero(values) < 0.5 * values.size:
        return csr_array(values, dtype=np.float32)
    return np.asarray(values, np.float32)
