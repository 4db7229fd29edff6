"""Series that are sums of others, and forecasts that add up as these do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np

from data.errors import BadInput
from data.tables import read_table

Method = Literal["bottom_up", "ols", "structural", "mint"]


class Sums(NamedTuple):
    """Which series are sums of which.

    Attributes:
        matrix: (series, leaves) of 0 and 1.
        leaves: (leaves,) numbers of the series that are no sums.
    """

    matrix: np.ndarray
    leaves: np.ndarray


def summing(path: str, ids: Sequence[str]) -> Sums:
    """The sums of a table.

    Args:
        path: columns parent and child, a row for each series and one that it is the sum of; several trees may share
            their leaves.
        ids: the series that are forecast.

    Raises:
        BadInput: series that are not forecast, that no row names, or that are part of themselves.
    """
    table = read_table(path, columns=("parent", "child"))
    children: dict[str, list[str]] = {}
    for row, (parent, child) in enumerate(zip(table.column("parent"), table.column("child"), strict=True)):
        for name in (parent, child):
            if name not in ids:
                raise BadInput("a sum of what is not forecast", wanted="a series of the file", got=name,
                               where=table.place(row))  # fmt: skip
        children.setdefault(parent, []).append(child)
    named = children.keys() | {name for own in children.values() for name in own}
    if alone := [name for name in ids if name not in named]:
        raise BadInput("a series that is in no sum", wanted="each as parent or child", got=alone[0], where=path)
    leaves = np.array([number for number, name in enumerate(ids) if name not in children], int)
    place = {ids[number]: column for column, number in enumerate(leaves)}
    matrix = np.zeros((len(ids), len(leaves)))
    for row, name in enumerate(ids):
        matrix[row, [place[leaf] for leaf in _leaves(name, children, (), path)]] = 1
    return Sums(matrix, leaves)


def _leaves(name: str, children: dict[str, list[str]], above: tuple[str, ...], path: str) -> set[str]:
    if name in above:
        got = " of ".join([name, *above[::-1][: above[::-1].index(name) + 1]])
        raise BadInput("a series that is part of itself", wanted="sums without a circle", got=got, where=path)
    if name not in children:
        return {name}
    return set().union(*(_leaves(child, children, (*above, name), path) for child in children[name]))


def reconciled(forecasts: np.ndarray, sums: Sums, method: Method, errors: np.ndarray | None = None) -> np.ndarray:
    """Forecasts that add up: S (S' W^-1 S)^-1 S' W^-1 y, or S times the leaves' own.

    Args:
        forecasts: y, (series, steps).
        sums: S.
        method: bottom_up keeps the leaves; W is the identity (ols), the number of leaves of each series (structural),
            or the covariance of errors one step ahead, its correlations shrunk (mint).
        errors: (times, series), for mint.

    Source: Hyndman et al. 2011, equations 7 and 11 (ols); Athanasopoulos et al. 2017, section 2 (structural);
        Wickramasuriya et al. 2019, theorem 1 and section 2.4 (MinT, shrunk).
    """
    summing_matrix = sums.matrix
    if method == "bottom_up":
        return summing_matrix @ forecasts[sums.leaves]
    if method == "mint":
        assert errors is not None
        weighted = np.linalg.solve(shrunk(errors), summing_matrix)
    else:
        weighted = summing_matrix / (summing_matrix.sum(1, keepdims=True) if method == "structural" else 1.0)
    return summing_matrix @ np.linalg.solve(weighted.T @ summing_matrix, weighted.T @ forecasts)


def shrunk(errors: np.ndarray) -> np.ndarray:
    """The covariance of errors (times, series), its correlations shrunk towards zero as far as they are uncertain.

    Source: Schäfer and Strimmer 2005, section 2.4, target D.
    """
    count = len(errors)
    covariance = errors.T @ errors / count
    spread = np.sqrt(np.maximum(np.diagonal(covariance), 1e-12 * max(np.diagonal(covariance).max(), 1e-300)))
    scaled = errors / spread
    correlation = scaled.T @ scaled / count
    products = (scaled**2).T @ scaled**2 / count - correlation**2
    off = ~np.eye(len(spread), dtype=bool)
    total = (correlation[off] ** 2).sum()
    share = np.clip(products[off].sum() / (count - 1) / total, 0, 1) if total > 0 else 1.0
    kept = np.where(off, (1 - share) * correlation, 1.0)
    return kept * np.outer(spread, spread)
