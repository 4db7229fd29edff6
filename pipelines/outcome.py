"""One training from its start to its export: recorded, fitted, judged beside the baselines, drawn, exported."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import keras

from arch.account import account
from data.splits import Splits
from pipelines import engine, plots, tracking
from pipelines.checkpoint import Checkpoints
from pipelines.domain import Domain
from pipelines.export import export
from pipelines.facts import facts
from pipelines.measures import MEASURES
from pipelines.reexport import through_tensorflow
from pipelines.report import Report, card, verdict
from pipelines.run import Run
from pipelines.runs import RunFolder
from pipelines.stopping import kept_epoch
from pipelines.summary_page import PAGE, write
from pipelines.task import Task

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
        baselines: scores of those that were trained, by the digest of their rows.
    """

    domain: Domain
    report: Report
    name: str
    minutes: float = 5.0
    profile: bool = False
    baselines: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """A trained run: what is told of it, and what its export needs; the model is None until it is needed."""

    run: Run
    splits: Splits
    folder: RunFolder
    mirror: tracking.Mirror
    told: dict[str, Any]
    fitted: engine.Fitted | None


def digest(splits: Splits) -> str:
    """One digest for the content of all splits."""
    return sha256("".join(splits.meta["digest"][name] for name, _ in splits.items()).encode()).hexdigest()


def once(folder: RunFolder, event: str, values: Mapping[str, Any]) -> None:
    """Record what holds for the whole run, unless it stands there from before the run was taken up again."""
    if folder.last(event) is None:
        folder.write(event, values)


@contextmanager
def recorded(
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


def fit_and_judge(
    session: Session,
    run: Run,
    splits: Splits,
    prepared: engine.Prepared,
    folder: RunFolder,
    mirror: tracking.Mirror,
) -> Outcome:
    """Train, score every split beside the baselines, and record all of it."""
    task, report = session.domain.task_for(run), session.report
    once(folder, "data", {**splits.meta, "digest": digest(splits)})
    if prepared.start:
        report.start(prepared.start)
        once(folder, "start_from", {"told": prepared.start})
    tracking.follow(mirror)
    with report.progress(task, run, splits) as progress:
        fitted = _fit(session, run, splits, prepared, folder, mirror, [progress, *_profile(session, folder)])
    task.calibrate(fitted.model, run, splits)
    if session.profile and (page := folder.path / "profile" / "profile.md").exists():
        folder.write("artifact", {"path": page.relative_to(folder.path), "under": "profile"})
    scores = {name: engine.evaluate(fitted.model, task, rows, splits.meta) for name, rows in splits.items()}
    if "seconds" in task.headline:  # beside those of the baselines
        scores["test"]["seconds"] = fitted.seconds
    baselines = _baselines(session, run, splits)
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
    once(folder, "scores", {**told, "card": card(run, told), "verdict": verdict(task, told, splits.test.size)})
    tracking.follow(mirror)
    return Outcome(run, splits, folder, mirror, told, fitted)


def _baselines(session: Session, run: Run, splits: Splits) -> dict[str, Any]:
    """Scores of the baselines, which are trained once for all members on the same rows."""
    if (rows := digest(splits)) not in session.baselines:
        with session.report.waiting("training the baselines"):
            session.baselines[rows] = session.domain.task_for(run).baselines(splits, run.seed)
    return session.baselines[rows]


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
    return engine.fit(prepared, run, session.domain.task_for(run), splits, callbacks, checkpoints, record)


def finish(session: Session, outcome: Outcome) -> Path:
    """Draw the figures and export the model; nothing is done twice."""
    folder, splits = outcome.folder, outcome.splits
    if done := folder.last("export"):
        return folder.path / done["values"]["path"]
    if outcome.fitted is None:
        outcome = replace(outcome, fitted=restored(session, outcome))
    with session.report.waiting("drawing and exporting"):
        figures, path = _draw_and_export(session, outcome)
    for figure in figures:
        folder.write("artifact", {"path": figure.relative_to(folder.path)})
    measure = session.domain.task_for(outcome.run).measure
    judged = {
        "measure": measure,
        "more_is_better": MEASURES[measure].more_is_better,
        "value": outcome.told["scores"]["val"][measure],
    }
    about = {"path": path.relative_to(folder.path), "name": session.name, "digest": digest(splits)}
    folder.write("export", {**about, **judged})
    with session.report.waiting("logging to MLflow"):
        tracking.follow(outcome.mirror)
    if (why := outcome.mirror.champion).startswith("no"):  # what verbs take where they are given no model is another
        session.report.further["champion"] = why
    return path


def restored(session: Session, outcome: Outcome, name: str = "") -> engine.Fitted:
    """The trained model of an outcome, from its last state; named after the recipe where no name is given."""
    kept = Checkpoints(outcome.folder.path / "checkpoints", writes=False)
    task = session.domain.task_for(outcome.run)
    fitted = engine.restored(outcome.run, task, outcome.splits, kept, name)
    task.calibrate(fitted.model, outcome.run, outcome.splits)
    return fitted


def _figures(session: Session, outcome: Outcome, folder: Path) -> list[Path]:
    """Every figure that can be drawn; none of them is worth the export, so that one that cannot be is told alone."""
    task, splits, fitted = session.domain.task_for(outcome.run), outcome.splits, outcome.fitted
    assert fitted is not None
    outputs = task.named(engine.predict(fitted.model, splits.test), splits.meta)
    groups: dict[str, Callable[[], list[Path]]] = {
        "figures of the test rows": lambda: task.plots(outputs, splits.test, splits.meta, folder),
        "figures of the model": lambda: task.portraits(fitted.model, folder),
        "learning curves": lambda: [_curves(task, outcome.run, fitted.history, folder / "learning_curves.png")],
    }
    if not fitted.history:  # an ensemble has none of its own
        del groups["learning curves"]
    drawn: list[Path] = []
    for name, draw in groups.items():
        try:
            drawn += draw()
        except Exception as error:
            _missing(outcome.folder, f"{name} are not drawn", error)
    return drawn


def _curves(task: Task, run: Run, history: Sequence[Mapping[str, float]], path: Path) -> Path:
    keep = run.fit.keep
    kept = kept_epoch(keep, history, (task.measure, task.headline[0]))
    return plots.learning_curves(history, task.measure, path, kept, keep.replace("_", " "))


def _missing(folder: RunFolder, what: str, error: Exception) -> None:
    told = f"{what}: {type(error).__name__}: {error}"[:500]
    folder.write("warning", {"what": told})
    logging.getLogger(__name__).warning(told)


def summarised(folder: RunFolder) -> None:
    """Make the page of a run, once; it is not worth the run, so that one that cannot be made is told alone."""
    if any(event["event"] == "artifact" and event["values"]["path"] == PAGE for event in folder.events()):
        return
    try:
        write(folder, folder.path / PAGE)
    except Exception as error:
        _missing(folder, "the page of the run is not written", error)
    else:
        folder.write("artifact", {"path": PAGE, "under": None})


def _draw_and_export(session: Session, outcome: Outcome) -> tuple[list[Path], Path]:
    task, splits = session.domain.task_for(outcome.run), outcome.splits
    fitted, folder = outcome.fitted, outcome.folder.path
    assert fitted is not None
    figures = _figures(session, outcome, folder / "plots")
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
