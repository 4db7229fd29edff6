"""Rows and Splits: the one shape in which every source hands its data to the engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np


class Column(Protocol):
    """Values that can be gathered by index: NumPy arrays, memory maps, encoded bytes, `tfds.data_source`.

    A column that is at bottom one NumPy array offers it as `array`, which the engine gathers without Python.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, indices: Any) -> Any: ...


class Rows(Mapping[str, Any]):
    """Named columns of one length, in a fixed order.

    Args:
        columns: name -> column. Names become the names of the model's inputs and of the serving signature.

    Raises:
        ValueError: when the columns differ in length or there is none.
    """

    def __init__(self, columns: Mapping[str, Column]) -> None:
        lengths = {name: len(column) for name, column in columns.items()}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"Rows: columns must have one length, got {lengths}")
        self._columns = dict(columns)
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
        return Rows({name: column[indices] for name, column in self._columns.items()})


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
