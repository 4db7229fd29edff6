"""`evaluate`, `predict` and `export`: what can be done with an exported model, through the graph that is served."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import BadInput, counted
from data.given import digest_of_file
from data.splits import Rows
from pipelines.domain import Domain
from pipelines.measures import spoken
from pipelines.output import files_of, whole_file
from pipelines.report import Report
from pipelines.serve.folder import Export, ExportError, is_uri, open_export
from pipelines.stored_run import run_of

CHUNK = 4_096  # rows a call of the served function


class Served:
    """An export's functions on columns of raw inputs: that function answers whose inputs have the columns' names.

    Args:
        export: checked on disk.
        chunk: rows a call.
    """

    def __init__(self, export: Export, chunk: int = CHUNK) -> None:
        import tensorflow as tf

        self.chunk = chunk

        self._loaded = tf.saved_model.load(str(export.folder))
        self._constant = tf.constant
        described = {"serving_default": export.metadata, **export.metadata.get("signatures", {})}
        self._signatures = {frozenset(about["inputs"]): (name, about) for name, about in described.items()}

    def __call__(self, columns: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Named outputs, one entry a row."""
        name, about = self._signatures[frozenset(columns)]
        function = self._loaded.signatures[name]
        if not about.get("by_rows", True):
            return self._part(function, columns, slice(None))
        size = len(next(iter(columns.values())))
        parts = [
            self._part(function, columns, slice(start, start + self.chunk)) for start in range(0, size, self.chunk)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _part(self, function: Any, columns: Mapping[str, Any], rows: slice) -> dict[str, np.ndarray]:
        tensors = {name: self._constant(column[rows]) for name, column in columns.items()}
        return {name: value.numpy() for name, value in function(**tensors).items()}


def evaluate(domain: Domain, model: str, file: str, *, json: bool) -> dict[str, Any]:
    """Scores of a model on a labelled file, or on the test rows of its own run.

    Raises:
        BadInput: no such model, a file that cannot be read, or data that is no longer that of the run.
    """
    export = find(domain, model)
    rows = domain.rows(file, export.metadata) if file else test_rows(domain, export)
    scores = judged(domain, export, rows)
    out = Report(json).out
    title = f"{export.name} version {export.version} on {file or 'its test rows'}: {counted(rows.size, 'row')}"
    out.print(title, markup=False, soft_wrap=True)  # a file's name may look like markup
    for name, value in scores.items():
        out.print(f"  {name:<20}{spoken(name, value):>8}")
    if file and learnt_from(file, export):
        out.print("  The run has learnt from rows of this file. Without FILE it is judged on its test rows.")
    return {**head(domain, export), "rows": rows.size, "scores": {"test": scores}}


def learnt_from(file: str, export: Export) -> bool:
    """Whether it is, byte for byte, a file that the run was trained or chosen on."""
    known = export.metadata["data"].get("sha256", {})
    return Path(file).is_file() and digest_of_file(file) in [known[part] for part in known if part != "test"]


def judged(domain: Domain, export: Export, rows: Rows) -> dict[str, float]:
    """Scores of what the served function answers for rows."""
    task = domain.task_for(run_of(export.metadata["run"], domain, str(export.folder)))
    return task.evaluate(task.answers(Served(export)(task.raw(rows)), rows), rows, export.metadata)


def predict(domain: Domain, model: str, file: str, out: str) -> dict[str, Any]:
    """A copy of a file with the model's answers as further columns: streamed, order and count kept.

    Raises:
        BadInput: no such model, a row that it does not take, or an `out` that is read; what stood there stays.
    """
    export = find(domain, model)
    served, count, doubtful = Served(export), 0, 0
    with whole_file(out, file, *files_of(export)) as target:
        writer = csv.writer(target, lineterminator="\n")
        for table, columns in domain.requests(file, export.metadata):
            answers, doubtful = served(columns), doubtful + domain.doubt.count(columns)
            if "horizon" in export.metadata.get("data", {}):  # an answer holds a row for each of its steps
                answers = {n: v.reshape(len(table.rows), *v.shape[2:]) for n, v in answers.items()}
            names, cells = _columns(answers, export.metadata)
            if not count:
                writer.writerow([*table.header, *(f"predicted_{n}" if n in table.header else n for n in names)])
            writer.writerows([*row, *answer] for row, answer in zip(table.rows, cells, strict=True))
            count += len(table.rows)
    if doubtful:
        Report(json=True).note(f"{counted(doubtful, 'row')} {domain.doubt.what}")
    return {**head(domain, export), "rows": count, "out": out}


def export(domain: Domain, model: str, out: str, *, json: bool) -> dict[str, Any]:
    """Copy a model's export to `OUT/NAME/VERSION`, where a server looks for it.

    Raises:
        BadInput: no such model, the version is there already, or it cannot be written.
    """
    from pipelines.export import copy

    found = find(domain, model)
    target = copy(found.folder, Path(out) / found.name / found.version)
    Report(json).note(f"exported {found.name} version {found.version} to {target}")
    return {**head(domain, found), "export": str(target)}


def find(domain: Domain, model: str) -> Export:
    """The export that MODEL means: a folder, a URI of the registry, or the domain's champion where it is empty.

    Raises:
        BadInput: when there is none, its files were altered, or it is of another domain.
    """
    place = model or f"models:/{domain.name}@champion"
    if is_uri(place):
        from pipelines.tracking import local_folder

        place = str(local_folder(place))
    try:
        found = open_export(place)
    except ExportError as error:
        raise BadInput(error.what, wanted=error.wanted, got=error.got) from None
    if found.metadata.get("domain") != domain.name:
        raise BadInput("a model of another domain", wanted=domain.name, got=found.metadata.get("domain"), where=place)
    if not model:
        learnt = found.metadata["data"]["name"]
        Report(json=True).note(f"the champion: {found.name} version {found.version}, which has learnt from {learnt}")
    return found


def test_rows(domain: Domain, export: Export) -> Rows:
    """The rows that the run was judged on, read and split again, and seen to be the same."""
    run = run_of(export.metadata["run"], domain, str(export.folder))
    splits = domain.splits(run)
    if splits.meta["digest"]["test"] != export.metadata["data"]["digest"]["test"]:
        raise BadInput(
            "the run's own test rows cannot be made again: its data has changed",
            wanted="evaluate MODEL FILE",
            got=f"rows of {splits.meta['name']} with another digest",
        )
    return splits.test


def head(domain: Domain, export: Export) -> dict[str, Any]:
    """What every answer of a verb begins with."""
    return {"schema": 1, "domain": domain.name, "model": export.name, "version": export.version}


def _columns(
    answers: Mapping[str, np.ndarray], metadata: Mapping[str, Any]
) -> tuple[list[str], Iterator[tuple[Any, ...]]]:
    """Names and rows of cells: a column for each output, or for each class or level where it has one value for each."""
    classes, levels = metadata.get("classes", ()), metadata.get("data", {}).get("levels", ())
    columns: dict[str, list[Any]] = {}
    for name in metadata["outputs"]:
        values = answers[name]
        if values.ndim == 1:
            columns[name] = [_cell(value) for value in values.tolist()]
            continue
        parts = next((names for names in (classes, levels) if len(names) == values.shape[1]), range(values.shape[1]))
        digits = 9 if parts is levels else 6  # values of series need all that they have, probabilities do not
        columns |= {f"{name}_{p}": [f"{v:.{digits}g}" for v in values[:, i].tolist()] for i, p in enumerate(parts)}
    return list(columns), zip(*columns.values(), strict=True)


def _cell(value: Any) -> Any:
    """Text as text, and of a float32 the digits that it has."""
    if isinstance(value, float):
        return f"{value:.9g}"
    return value.decode() if isinstance(value, bytes) else value
