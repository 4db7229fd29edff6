"""A graph in one .npz: our own plain names, or those of the benchmark of Shchur et al. (2018)."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from data.errors import BadInput
from data.features import Features
from data.graphs import PARTS, UNKNOWN, Source

WANTED = "`edges`, `labels` and `features` (or `indptr`, `indices` and `values` with `words`)"


def read_archive(path: str) -> Source:
    """A graph out of a .npz.

    Either `edges` (E, 2) citing and cited; `features` (papers, columns), or bags of words as a CSR matrix in `indptr`,
    `indices`, `values` and `words` (their number); `labels` (papers,) class indices, -1 where unknown; and, if there
    are any, `classes`, `ids`, `years` and `split` (papers,) of train, val, test or nothing. Or the benchmark's `adj_*`,
    `attr_*`, `labels`. Arrays of Python objects are not read.

    Raises:
        BadInput: with the file and the array.
    """
    arrays = _arrays(path)
    if "adj_indptr" in arrays:
        arrays = _plain(arrays, path)
    labels = _need(arrays, "labels", path, kinds="iu")
    unknown = labels[labels != UNKNOWN]
    if labels.ndim != 1 or not len(labels) or labels.min() < UNKNOWN or not len(unknown):
        raise BadInput("labels of another form", wanted="(papers,) class indices, -1 where unknown",
                       got=_form(labels), where=f"{path}:labels")  # fmt: skip
    classes = arrays.get("classes", np.arange(int(unknown.max()) + 1)).astype(str).tolist()
    return Source(
        features=_features(arrays, path),
        citations=_need(arrays, "edges", path, kinds="iu", columns=2),
        labels=labels,
        classes=classes,
        ids=_column(arrays, "ids", len(labels), path, default=np.arange(len(labels))),
        parts=_parts(arrays, len(labels), path),
        years=_column(arrays, "years", len(labels), path, kinds="iu"),
        paper_place=lambda paper: f"{path}:paper {paper}",
        citation_place=lambda row: f"{path}:edges[{row}]",
    )


def _arrays(path: str) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files if not _skipped(name)}
    except OSError as error:
        raise BadInput(error.strerror or "cannot be read", wanted="a .npz file", where=path) from None
    except (ValueError, zipfile.BadZipFile, EOFError, AttributeError) as error:
        raise BadInput("not a .npz of plain arrays", wanted=WANTED, got=str(error)[:80], where=path) from None


def _skipped(name: str) -> bool:
    """The benchmark's names of words and papers are Python objects, which are never unpickled."""
    return name.removesuffix(".npy") in ("attr_names", "node_names", "metadata", "idx_to_attr", "idx_to_node")


def _plain(arrays: Mapping[str, np.ndarray], path: str) -> dict[str, np.ndarray]:
    """The benchmark's names as ours."""
    starts = _need(arrays, "adj_indptr", path, kinds="iu")
    cited = _need(arrays, "adj_indices", path, kinds="iu")
    if len(starts) < 2 or starts[-1] != len(cited):
        raise BadInput("adj_indptr does not fit adj_indices", wanted=len(cited), got=starts[-1:], where=path)
    citing = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    named = {"edges": np.stack([citing, cited], axis=1)}
    if "attr_indptr" in arrays:
        named |= {"indptr": arrays["attr_indptr"], "indices": _need(arrays, "attr_indices", path, kinds="iu")}
        named |= {"values": _need(arrays, "attr_data", path, kinds="iufb"), "words": arrays["attr_shape"][1:]}
    elif "attr_matrix" in arrays:
        named["features"] = arrays["attr_matrix"]
    return {**named, **{name: arrays[name] for name in ("labels", "class_names") if name in arrays}}


def _features(arrays: Mapping[str, np.ndarray], path: str) -> Features:
    if "features" in arrays:
        return _need(arrays, "features", path, kinds="iufb", columns=0).astype(np.float32)
    starts, columns = (_need(arrays, name, path, kinds="iu") for name in ("indptr", "indices"))
    values = _need(arrays, "values", path, kinds="iufb").astype(np.float32)
    words = int(_need(arrays, "words", path, kinds="iu").ravel()[0])
    if len(columns) and (columns.min() < 0 or columns.max() >= words):
        got = int(columns.min() if columns.min() < 0 else columns.max())
        raise BadInput("a word beyond the vocabulary", wanted=f"0 to {words - 1}", got=got, where=f"{path}:indices")
    try:
        bags = csr_array((values, columns, starts), shape=(len(starts) - 1, words))
        bags.check_format()
    except ValueError as error:
        raise BadInput("words of another form", wanted="a CSR matrix", got=error, where=f"{path}:indptr") from None
    bags.sum_duplicates()
    return bags


def _parts(arrays: Mapping[str, np.ndarray], papers: int, path: str) -> np.ndarray | None:
    words = _column(arrays, "split", papers, path, kinds="U")
    if words is None:
        return None
    unknown = ~np.isin(words, PARTS)
    if unknown.any():
        paper = int(unknown.argmax())
        wanted, where = ", ".join(PARTS[1:]) + " or nothing", f"{path}:split[{paper}]"
        raise BadInput("unknown split", wanted=wanted, got=repr(str(words[paper])), where=where)
    return np.array([PARTS.index(word) for word in words.tolist()], np.uint8)


def _column(
    arrays: Mapping[str, np.ndarray], name: str, papers: int, path: str, kinds: str = "", default: Any = None
) -> Any:
    """One value a paper, or the default where there is no such array."""
    if name not in arrays:
        return default
    values = arrays[name]
    if values.shape != (papers,) or (kinds and values.dtype.kind not in kinds):
        raise BadInput(f"{name} of another form", wanted=f"one value for each of {papers:,} papers",
                       got=_form(values), where=f"{path}:{name}")  # fmt: skip
    return values


def _need(
    arrays: Mapping[str, np.ndarray], name: str, path: str, *, kinds: str, columns: int | None = None
) -> np.ndarray:
    """An array that must be there: of these kinds of numbers, and with so many columns, 0 for any number of them."""
    if name not in arrays:
        raise BadInput(f"no array {name!r}", wanted=WANTED, got=", ".join(arrays) or "none", where=path)
    values = arrays[name]
    if values.dtype.kind not in kinds:
        wanted = "whole numbers" if kinds == "iu" else "numbers"
        raise BadInput(f"{name} of another type", wanted=wanted, got=values.dtype, where=f"{path}:{name}")
    if columns is not None and (values.ndim != 2 or (columns and values.shape[1] != columns)):
        wanted = f"two axes{f', the second of {columns}' if columns else ''}"
        raise BadInput(f"{name} of another form", wanted=wanted, got=_form(values), where=f"{path}:{name}")
    return values


def _form(values: np.ndarray) -> str:
    return f"{values.dtype} of shape {values.shape}"
