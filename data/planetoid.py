"""Planetoid's Cora, Citeseer and PubMed (Yang et al. 2016), read by an unpickler that can build arrays alone."""

from __future__ import annotations

import codecs
import pickle
from collections import defaultdict
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from scipy.sparse import csr_array, csr_matrix, vstack

from data.errors import BadInput
from data.graphs import PARTS, UNKNOWN, Source

KEYS = ("x", "y", "tx", "ty", "allx", "ally", "graph", "test.index")
CLASSES = {
    "cora": ("Theory", "Reinforcement_Learning", "Genetic_Algorithms", "Neural_Networks", "Probabilistic_Methods",
             "Case_Based", "Rule_Learning"),
    "citeseer": ("AI", "ML", "IR", "DB", "Agents", "HCI"),
    "pubmed": ("Experimental", "Type_1", "Type_2"),
}  # fmt: skip
VAL = 500  # the public split chooses by the 500 papers after those it learns from

_ARRAYS = {
    "reconstruct": np.empty(0).__reduce__()[0],
    "ndarray": np.ndarray,
    "dtype": np.dtype,
    "csr_matrix": csr_matrix,
}
# What the files name, under Python 2's and 3's module names; nothing else may be built.
_ALLOWED = {
    ("collections", "defaultdict"): defaultdict,
    ("__builtin__", "list"): list,
    ("builtins", "list"): list,
    ("__builtin__", "bytes"): bytes,
    ("builtins", "bytes"): bytes,
    ("_codecs", "encode"): codecs.encode,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _ARRAYS["reconstruct"],
    ("numpy._core.multiarray", "_reconstruct"): _ARRAYS["reconstruct"],
    ("scipy.sparse.csr", "csr_matrix"): csr_matrix,
    ("scipy.sparse._csr", "csr_matrix"): csr_matrix,
}


def read_planetoid(folder: str, name: str) -> Source:
    """A graph with its public split out of `ind.NAME.x`, `.y`, `.tx`, `.ty`, `.allx`, `.ally`, `.graph`, `.test.index`.

    Citeseer's 15 papers that `test.index` leaves out have no words, no label and no part. Citations are not directed in
    these files. A reference to a paper that stands twice, or to itself, stays as it is.

    Raises:
        BadInput: a file is missing, is no such pickle, or does not fit the others.
    """
    files = {key: _read(Path(folder) / f"ind.{name}.{key}") for key in KEYS}
    test = files["test.index"]
    known, end = files["allx"].shape[0], int(test.max()) + 1
    if files["tx"].shape[0] != len(test) or test.min() < known or len(np.unique(test)) != len(test):
        wanted = f"{files['tx'].shape[0]:,} different indices from {known:,} on"
        raise BadInput("test papers do not fit", wanted=wanted, got=f"{len(test):,} from {test.min()}",
                       where=str(Path(folder) / f"ind.{name}.test.index"))  # fmt: skip
    # Row `row` of tx is paper `test[row]`; what lies between has no row.
    gaps = csr_matrix((end - known, files["tx"].shape[1]), dtype=np.float32).tolil()
    gaps[test - known] = files["tx"]
    labels = np.full(end, UNKNOWN, np.int32)
    labels[:known] = classes_of(files["ally"])
    labels[test] = classes_of(files["ty"])
    parts = np.zeros(end, np.uint8)
    learnt = files["x"].shape[0]
    parts[:learnt], parts[learnt : learnt + VAL], parts[test] = map(PARTS.index, ("train", "val", "test"))
    parts[labels == UNKNOWN] = 0
    return Source(
        features=csr_array(vstack([files["allx"], gaps], format="csr"), dtype=np.float32),
        citations=_citations(files["graph"]),
        labels=labels,
        classes=CLASSES.get(name) or [str(number) for number in range(files["ally"].shape[1])],
        ids=np.arange(end),
        parts=parts,
        paper_place=lambda paper: f"ind.{name}.*: paper {paper}",
        citation_place=lambda row: f"ind.{name}.graph: citation {row}",
    )


def names_in(folder: str) -> list[str]:
    """The graphs whose files lie in a folder."""
    return sorted(path.name.split(".")[1] for path in Path(folder).glob("ind.*.graph"))


class _Unpickler(pickle.Unpickler):
    """Builds arrays, sparse matrices and lists; whatever else a file asks for is refused."""

    def find_class(self, module: str, name: str) -> Any:
        """What a name of the file stands for."""
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"asks for {module}.{name}")
        return _ALLOWED[module, name]


def _read(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            return _test_index(file, path) if path.suffix == ".index" else _unpickled(file, path)
    except OSError as error:
        wanted = "the eight files ind.NAME.x, y, tx, ty, allx, ally, graph, test.index"
        raise BadInput(error.strerror or "cannot be read", wanted=wanted, where=str(path)) from None


def _unpickled(file: BinaryIO, path: Path) -> Any:
    kind: Any = Mapping if path.suffix == ".graph" else np.ndarray if path.suffix.endswith("y") else csr_matrix
    try:
        value = _Unpickler(file, encoding="latin1").load()
    except Exception as error:  # a damaged pickle raises whatever its bytes happen to mean
        got = str(error)[:80] or type(error).__name__
        raise BadInput("not a Planetoid pickle", wanted="arrays alone", got=got, where=str(path)) from None
    if not isinstance(value, kind):
        raise BadInput("another kind of content", wanted=kind.__name__, got=type(value).__name__, where=str(path))
    return value


def _test_index(file: BinaryIO, path: Path) -> np.ndarray:
    for number, line in enumerate(lines := file.read().split(), start=1):
        if not line.isdigit():
            raise BadInput("not an index", wanted="a whole number", got=repr(line[:20]), where=f"{path}:{number}")
    if not lines:
        raise BadInput("empty file", wanted="an index a line", where=f"{path}:1")
    return np.array(lines).astype(np.int64)


def classes_of(one_hot: np.ndarray) -> np.ndarray:
    """Class indices; -1 for a row of zeros."""
    return np.where(one_hot.any(axis=1), one_hot.argmax(axis=1), UNKNOWN).astype(np.int32)


def _citations(graph: Mapping[int, list[int]]) -> np.ndarray:
    """(citations, 2) int64 out of lists of neighbours."""
    counts = np.fromiter(map(len, graph.values()), np.int64, len(graph))
    targets = np.fromiter(chain.from_iterable(graph.values()), np.int64, int(counts.sum()))
    return np.stack([np.repeat(np.fromiter(graph, np.int64, len(graph)), counts), targets], axis=1)
