"""A run as it was stored, read again: the dataclasses of its domain from plain JSON values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from data.errors import BadInput
from pipelines.run import COUNTS, SCHEMA, Model, Other, Run


class Kinds(Protocol):
    """The dataclasses that a domain's runs are made of; a `Domain` is one."""

    @property
    def data(self) -> type:
        """Of the data options."""

    @property
    def fit(self) -> type:
        """Of the fit options: `Fit`, or a domain's own with more of them."""


def read_run(path: Path, kinds: Kinds) -> Run:
    """The run written in a `run.json`.

    Args:
        path: the file.
        kinds: the domain's dataclasses.

    Raises:
        BadInput: when the file is no run of this schema and domain.
    """
    try:
        stored = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise BadInput("cannot read the run", wanted="a run.json", got=error, where=str(path)) from None
    return run_of(stored, kinds, str(path))


def run_of(stored: Any, kinds: Kinds, where: str) -> Run:
    """The run that `as_json` gave.

    Raises:
        BadInput: when it is no run of this schema and domain.
    """
    if not isinstance(stored, dict) or stored.get("schema") != SCHEMA:
        raise BadInput("not a run of this version", wanted=f'"schema": {SCHEMA}', got=_schema(stored), where=where)
    try:
        return Run(
            domain=stored["domain"],
            recipe=stored["recipe"],
            data=_build(kinds.data, stored["data"]),
            model=_model(stored["model"]),
            fit=_build(kinds.fit, stored["fit"]),
            others=tuple(map(_other, stored["others"])),
            **{name: stored[name] for name in COUNTS},
            source=stored.get("source", ""),
            result=stored.get("result", ""),
        )
    except (KeyError, TypeError) as error:
        raise BadInput("the run lacks or misnames a field", got=error, where=where) from None


def _build(kind: type, values: Mapping[str, Any]) -> Any:
    """A frozen dataclass from JSON values; lists become the tuples that they were."""
    return kind(**_tuples(values))


def _model(stored: Mapping[str, Any]) -> Model:
    return Model(stored["builder"], _tuples(stored["options"]))


def _other(stored: Mapping[str, Any]) -> Other:
    return Other(stored["builder"], _tuples(stored["options"]), stored.get("recipe", ""))


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}


def _schema(stored: object) -> object:
    return stored.get("schema") if isinstance(stored, dict) else type(stored).__name__
