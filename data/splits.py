"""Rows and Splits: the one shape in which every source hands its data to the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np


class Column(Protocol):
    """Values that can be gathered by index: NumPy arrays, memory maps, encoded bytes, `tfds.data_source`.

    A column that is at bottom one NumPy array offers it as `array`, which the engine gathers without Python.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, indices: Any) -> Any: ...


Around = Callable[[Mapping[str, np.ndarray], int, int], Mapping[str, np.ndarray]]


class Rows(Mapping[str, Any]):
    """Named columns of one length, in a fixed order, and what every batch of them holds besides.

    Args:
        columns: name -> column. Names become the names of the model's inputs and of the serving signature.
        shared: name -> array that every batch holds whole, such as the graph whose nodes the rows are.
        around: makes the rest of a batch from its rows, such as a sampled neighbourhood, and may replace columns:
            (columns of the batch, seed, epoch) -> columns. A pure function of these; the epoch is -1 outside training.

    `kept` holds what was computed of just these rows, by whom it may concern, so that it is computed once.

    Raises:
        ValueError: when the columns differ in length or there is none.
    """

    def __init__(
        self,
        columns: Mapping[str, Column],
        shared: Mapping[str, np.ndarray] | None = None,
        around: Around | None = None,
    ) -> None:
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"Rows: columns must have one length, got {lengths}")
        self._columns = dict(columns)
        self.shared, self.around = dict(shared or {}), around
        self.kept: dict[str, Any] = {}
        self.size = next(iter(lengths.values()))

    def __getitem__(self, name: str) -> Any:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        """The number of columns, as of any mapping; `size` is the number of rows."""
        return len(self._columns)

    def take(self, indices: np.ndarray) -> Rows:
        """The rows at these indices, in this order."""
        return Rows({name: column[indices] for name, column in self._columns.items()}, self.shared, self.around)

    def inputs(self, names: Iterable[str]) -> Rows:
        """The same rows with what a model of these inputs needs of them alone."""
        names = set(names) if self.around is None else {*names, *self._columns}
        columns = {name: column for name, column in self._columns.items() if name in names}
        return Rows(columns, {name: array for name, array in self.shared.items() if name in names}, self.around)

    def batch(self, indices: np.ndarray, seed: int = 0, epoch: int = -1) -> dict[str, np.ndarray]:
        """The columns of these rows and what is made around them, without what all batches share."""
        columns = {name: np.asarray(column[indices]) for name, column in self._columns.items()}
        return columns if self.around is None else {**columns, **self.around(columns, seed, epoch)}

    def steps(self, batch_size: int) -> int:
        """Batches of an epoch; the last one may hold fewer rows."""
        return -(-self.size // batch_size)


@dataclass(frozen=True)
class Splits:
    """What a source hands over: rows to learn from, to choose by and to be judged on, and what is known of them.

    Attributes:
        train, val, test: disjoint rows with the same columns.
        meta: JSON-ready facts: classes, units, licence, source, sha256, split rule, duplicates found, what was removed.
    """

    train: Rows
    val: Rows
    test: Rows
    meta: Mapping[str, Any] = field(default_factory=dict)

    def items(self) -> Iterator[tuple[str, Rows]]:
        """(name, rows) of the three, in the order in which they are used."""
        yield from (("train", self.train), ("val", self.val), ("test", self.test))
