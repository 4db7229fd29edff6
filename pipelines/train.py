"""`train`: from a Run to a record, scores beside baselines, figures and an export; taken up again where it stopped."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import keras
import numpy as np

from arch.account import account
from data.errors import BadInput
from data.splits import Splits
from pipelines import devices, engine, plots, tracking
from pipelines.checkpoint import Checkpoints
from pipelines.domain import Domain
from pipelines.export import export
from pipelines.facts import facts
from pipelines.measures import MEASURES, better
from pipelines.reexport import through_tensorflow
from pipelines.report import Report, card, verdict
from pipelines.run import Run, read_run
from pipelines.runs import RunFolder, all_runs, mark_abandoned
from pipelines.signals import Stopped

SCHEMA = 1
TRAVELLING = ("name", "sha256", "digest", "split_rule")  # facts of all data that an export carries


@dataclass(frozen=True)
class Session:
    """What all trainings of one command share.

    Attributes:
        domain: the pipeline.
        report: where progress and results are shown.
        name: of the exported and registered model.
        minutes: between two checkpoints within an epoch.
        profile: whether one epoch is traced.
    """

    domain: Domain
    report: Report
    name: str
    minutes: float = 5.0
    profile: bool = False


@dataclass(frozen=True)
class Outcome:
    """A trained run: what is told of it, and what its export needs; the model is None until it is needed."""

    run: Run
    splits: Splits
    folder: RunFolder
    mirror: tracking.Mirror
    told: dict[str, Any]
    fitted: engine.Fitted | None


def train(session: Session, run: Run, taken_up: RunFolder | None = None) -> dict[str, Any]:
    """Train a run, or each seed or fold that it stands for, and export the best on validation.

    Args:
        session: domain, report, name, checkpoints.
        run: what to train.
        taken_up: folder of the same run, stopped earlier; None starts a new one.

    Returns:
        The object that `--json` prints; empty on a worker that is not the chief, which only computes.

    Raises:
        BadInput: before anything is written, where data, options or the store cannot work.
    """
    started = time.perf_counter()
    if session.profile and keras.backend.backend() != "tensorflow":
        raise BadInput("--profile traces TensorFlow", wanted="KERAS_BACKEND=tensorflow", got=keras.backend.backend())
    splits = session.domain.load(run.data, run.seed)
    members = session.domain.members(run, splits)
    if taken_up is not None:
        _check_data(taken_up, splits)
    try:
        result = _as_one_of_all(session, run, splits, members, taken_up)
    except Stopped:  # by the same signal: nobody leaves before the chief has saved and recorded
        devices.wait_for_all(run.fit)
        raise
    devices.wait_for_all(run.fit)
    return result and result | {"seconds": time.perf_counter() - started}


def _as_one_of_all(
    session: Session, run: Run, splits: Splits, members: Sequence[tuple[Run, Splits]], taken_up: RunFolder | None
) -> dict[str, Any]:
    """What this process does as one of the workers of the run, or alone."""
    if not devices.is_chief():
        _compute_only(session, members, taken_up)
        return {}
    if tracking.store_uri() != tracking.own_store():
        tracking.connect(tracking.store_uri())  # a server that does not answer is told before anything is built
    for folder in mark_abandoned():
        tracking.follow(tracking.Mirror(folder, folder.path.parent.name))
        session.report.note(f"marked as killed: {folder.name}, whose process is gone")
    session.report.data(splits.meta, session.domain.about(splits.meta))
    if run.several:
        return _train_several(session, run, splits, members, taken_up)
    return _train_one(session, *members[0], taken_up)


def unfinished(domain: Domain, run: Run) -> RunFolder | None:
    """The newest folder of this very run that did not come to its end and is nobody's at the moment."""
    for folder in reversed(all_runs(domain.name)):
        start = folder.last("start")
        if start is None or start["values"]["parent"] or folder.finished():
            continue
        free = not folder.alive() or not devices.is_chief()
        if free and read_run(folder.path / "run.json", domain) == run:
            return folder
    return None


def digest(splits: Splits) -> str:
    """One digest for the content of all splits."""
    return sha256("".join(splits.meta["digest"][name] for name, _ in splits.items()).encode()).hexdigest()


def _once(folder: RunFolder, event: str, values: Mapping[str, Any]) -> None:
    """Record what holds for the whole run, unless it stands there from before the run was taken up again."""
    if folder.last(event) is None:
        folder.write(event, values)


def _check_data(folder: RunFolder, splits: Splits) -> None:
    seen = folder.last("data")
    if seen is not None and seen["values"]["digest"] != digest(splits):
        raise BadInput("the run's data has changed since it started", wanted="the same files", where=str(folder.path))


def _compute_only(session: Session, members: Sequence[tuple[Run, Splits]], taken_up: RunFolder | None) -> None:
    """What a worker does that is not the chief: the same steps, and nothing written."""
    for member, splits in members:
        folder = _child(taken_up, member) if taken_up and len(members) > 1 else taken_up
        if len(members) > 1 and folder is not None and _scores_of_ended(folder):
            continue  # as the chief does, who would not take part in building it
        prepared = engine.prepare(member, session.domain.task, splits)
        checkpoints = Checkpoints(folder.path / "checkpoints" if folder else None, writes=False)
        engine.fit(prepared, member, session.domain.task, splits, checkpoints=checkpoints)


def _train_one(session: Session, run: Run, splits: Splits, taken_up: RunFolder | None) -> dict[str, Any]:
    prepared = engine.prepare(run, session.domain.task, splits)
    session.report.model(run, account(prepared.model))
    with _recorded(session, run, taken_up) as (folder, mirror):
        outcome = _fit_and_judge(session, run, splits, prepared, folder, mirror)
        path = _finish(session, outcome)
    result = _result(run, outcome.told, [outcome.told], {}, path)
    session.report.result(session.domain.task, result, splits.meta)
    return result


def _train_several(
    session: Session, run: Run, whole: Splits, members: Sequence[tuple[Run, Splits]], taken_up: RunFolder | None
) -> dict[str, Any]:
    """A parent run with means and spread, a child for each member, the export of the best."""
    task = session.domain.task
    best: Outcome | None = None
    told: list[dict[str, Any]] = []
    with _recorded(session, run, taken_up) as (parent, _):
        _once(parent, "data", {**whole.meta, "digest": digest(whole)})
        for number, (member, splits) in enumerate(members):
            session.report.member(number, len(members), splits.meta)
            outcome = _member(session, member, splits, parent)
            told.append(outcome.told)
            best = outcome if best is None or _better(task.measure, outcome, best) else best
        assert best is not None
        path = _finish(session, best)
        result = _result(run, {**best.told, **_over(told, np.mean)}, told, _over(told, _deviation), path)
        _once(parent, "scores", {**result, "card": card(run, result), "verdict": verdict(task, result)})
    session.report.result(task, result, members[0][1].meta)
    session.report.note(f"all of them: {parent.path}")
    return result


def _member(session: Session, member: Run, splits: Splits, parent: RunFolder) -> Outcome:
    """One seed or fold, a child of its parent; one that has ended already is read from its record."""
    folder = _child(parent, member)
    if folder is not None and (scores := _scores_of_ended(folder)):
        mirror = tracking.Mirror(folder, session.domain.name)
        told = {k: v for k, v in scores.items() if k not in ("card", "verdict")}
        return Outcome(member, splits, folder, mirror, told, None)
    prepared = engine.prepare(member, session.domain.task, splits)
    with _recorded(session, member, folder, parent.name) as (folder, mirror):
        return _fit_and_judge(session, member, splits, prepared, folder, mirror)


def _scores_of_ended(folder: RunFolder) -> dict[str, Any] | None:
    """What a member that has ended was worth; None where it has to go on."""
    scores = folder.last("scores") if folder.finished() else None
    return scores and scores["values"]


def _child(parent: RunFolder, member: Run) -> RunFolder | None:
    """The folder of a member of a parent run, if it was started before."""
    wanted = {"parent": parent.name, "seed": member.seed, "fold": member.fold}
    for folder in all_runs(member.domain):
        start = folder.last("start")
        values = start["values"] if start else {"params": {}}
        if {**values["params"], "parent": values.get("parent")}.items() >= wanted.items():
            return folder
    return None


@contextmanager
def _recorded(
    session: Session, run: Run, taken_up: RunFolder | None, parent: str = ""
) -> Iterator[tuple[RunFolder, tracking.Mirror]]:
    """A run folder, new or taken up, and its mirror; however the block ends, both say so."""
    tracking.connect(tracking.store_uri())  # our own store is made no earlier than a run that needs it
    place = facts(engine.backend().device_names())
    if taken_up is None:
        folder = RunFolder.create(run, place, parent, session.name)
    else:
        folder = taken_up
        folder.take_up(place)
    mirror = tracking.Mirror(folder, session.domain.name)
    try:
        yield folder, mirror
    except BaseException as error:
        stopped = isinstance(error, KeyboardInterrupt | SystemExit)
        reason = "stopped by a signal" if stopped else f"{type(error).__name__}: {error}"
        folder.write("end", {"status": "KILLED" if stopped else "FAILED", "reason": reason[:500]})
        tracking.follow(mirror)
        raise
    folder.write("end", {"status": "FINISHED"})
    tracking.follow(mirror)


def _fit_and_judge(
    session: Session,
    run: Run,
    splits: Splits,
    prepared: engine.Prepared,
    folder: RunFolder,
    mirror: tracking.Mirror,
) -> Outcome:
    """Train, score every split beside the baselines, and record all of it."""
    task, report = session.domain.task, session.report
    _once(folder, "data", {**splits.meta, "digest": digest(splits)})
    tracking.follow(mirror)
    with report.progress(task, run, splits) as progress:
        fitted = _fit(session, run, splits, prepared, folder, mirror, [progress, *_profile(session, folder)])
    if (page := folder.path / "profile" / "profile.md").exists():
        folder.write("artifact", {"path": page.relative_to(folder.path), "under": "profile"})
    scores = {name: engine.evaluate(fitted.model, task, rows, splits.meta) for name, rows in splits.items()}
    with report.waiting("training the baselines"):
        baselines = task.baselines(splits, run.seed)
    counts = account(fitted.model)
    told = {
        "seed": run.seed,
        "fold": None if run.fold < 0 else run.fold,
        "parameters": counts.parameters,
        "parameters_total": counts.parameters_total,
        "scores": scores,
        "baselines": baselines,
        "fit_seconds": fitted.seconds,
        "compile_seconds": fitted.compile_seconds,
        "epochs": len(fitted.history),
        "run_id": mirror.known_run_id,
        "run_dir": str(folder.path),
    }
    _once(folder, "scores", {**told, "card": card(run, told), "verdict": verdict(task, told)})
    tracking.follow(mirror)
    return Outcome(run, splits, folder, mirror, told, fitted)


def _profile(session: Session, folder: RunFolder) -> list[keras.callbacks.Callback]:
    if not session.profile:
        return []
    from pipelines.profiling import Profile

    return [Profile(folder.path / "profile")]


def _fit(
    session: Session,
    run: Run,
    splits: Splits,
    prepared: engine.Prepared,
    folder: RunFolder,
    mirror: tracking.Mirror,
    callbacks: Sequence[keras.callbacks.Callback],
) -> engine.Fitted:
    """Train with checkpoints in the folder; each epoch is recorded once, after it is safe."""
    recorded = {event["epoch"] for event in folder.events() if event["event"] == "epoch"}
    steps = splits.train.steps(run.fit.batch_size)

    def record(history: list[dict[str, float]]) -> None:
        new = {epoch: values for epoch, values in enumerate(history, start=1) if epoch not in recorded}
        folder.write_epochs(new, steps)
        recorded.update(new)
        tracking.follow(mirror)

    checkpoints = Checkpoints(folder.path / "checkpoints", session.minutes)
    return engine.fit(prepared, run, session.domain.task, splits, callbacks, checkpoints, record)


def _finish(session: Session, outcome: Outcome) -> Path:
    """Draw the figures and export the model; nothing is done twice."""
    folder, splits = outcome.folder, outcome.splits
    if done := folder.last("export"):
        return folder.path / done["values"]["path"]
    if outcome.fitted is None:
        kept = Checkpoints(folder.path / "checkpoints", writes=False)
        outcome = replace(outcome, fitted=engine.restored(outcome.run, session.domain.task, splits, kept))
    with session.report.waiting("drawing and exporting"):
        figures, path = _draw_and_export(session, outcome)
    for figure in figures:
        folder.write("artifact", {"path": figure.relative_to(folder.path)})
    measure = session.domain.task.measure
    judged = {
        "measure": measure,
        "more_is_better": MEASURES[measure].more_is_better,
        "value": outcome.told["scores"]["val"][measure],
    }
    about = {"path": path.relative_to(folder.path), "name": session.name, "digest": digest(splits)}
    folder.write("export", {**about, **judged})
    with session.report.waiting("logging to MLflow"):
        tracking.follow(outcome.mirror)
    return path


def _draw_and_export(session: Session, outcome: Outcome) -> tuple[list[Path], Path]:
    task, splits, fitted, folder = session.domain.task, outcome.splits, outcome.fitted, outcome.folder.path
    assert fitted is not None
    drawn = folder / "plots"
    curves = plots.learning_curves(fitted.history, task.measure, drawn / "learning_curves.png")
    figures = [curves]
    outputs = task.named(engine.predict(fitted.model, splits.test), splits.meta)
    figures += task.plots(outputs, splits.test, splits.meta, drawn)
    told = {
        "domain": outcome.run.domain,
        "run": outcome.run.as_json(),
        "scores": outcome.told["scores"],
        "data": {k: splits.meta[k] for k in (*TRAVELLING, *session.domain.facts)},
    }
    if keras.backend.backend() == "tensorflow":
        path = export(fitted.model, task, splits.meta, splits.test, folder / "exports", session.name, told)
    else:
        path = through_tensorflow(fitted.model, outcome.run, folder / "exports", session.name, told)
    return figures, path


def _better(measure: str, one: Outcome, other: Outcome) -> bool:
    """Whether one did better on validation."""
    return better(measure, *(outcome.told["scores"]["val"][measure] for outcome in (one, other)))


def _result(
    run: Run, told: Mapping[str, Any], members: list[dict[str, Any]], spread: Mapping[str, Any], path: Path
) -> dict[str, Any]:
    """The object that `--json` prints, less the seconds of the whole process."""
    head = {"schema": SCHEMA, "domain": run.domain, "recipe": run.recipe}
    return {**head, **told, "seed": run.seed, "spread": spread, "runs": members, "export": str(path)}


def _over(told: list[dict[str, Any]], summary: Any) -> dict[str, Any]:
    """Scores and baselines over the members, measure by measure."""
    return {key: _merge([t[key] for t in told], summary) for key in ("scores", "baselines")}


def _merge(values: list[Any], summary: Any) -> Any:
    if isinstance(values[0], dict):
        return {key: _merge([v[key] for v in values], summary) for key in values[0]}
    return float(summary([_number(v) for v in values]))


def _number(value: float | None) -> float:
    """A score; null in a record, from which a member that has ended is read, was not a number."""
    return np.nan if value is None else value


def _deviation(values: list[float]) -> float:
    """The sample's standard deviation."""
    return float(np.std(values, ddof=1))
