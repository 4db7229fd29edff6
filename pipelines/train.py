"""`train`: from a Run to a record, scores beside baselines, figures and an export; taken up again where it stopped."""

from __future__ import annotations

import functools
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import keras

from arch.account import account
from data.errors import BadInput
from data.splits import Splits
from pipelines import devices, engine, results, tracking
from pipelines.checkpoint import Checkpoints
from pipelines.combine import combined
from pipelines.domain import Domain
from pipelines.measures import better
from pipelines.outcome import Outcome, Session, digest, finish, fit_and_judge, once, recorded, restored, summarised
from pipelines.report import card, verdict
from pipelines.run import Run
from pipelines.runs import RunFolder, all_runs, clean, mark_abandoned
from pipelines.signals import Stopped
from pipelines.stored_run import read_run


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
    engine.backend().check(run.fit)
    splits = session.domain.load(run.data, run.splits_by)
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
        prepared = engine.prepare(member, session.domain.task_for(member), splits)
        checkpoints = Checkpoints(folder.path / "checkpoints" if folder else None, writes=False)
        engine.fit(prepared, member, session.domain.task_for(member), splits, checkpoints=checkpoints)


def _train_one(session: Session, run: Run, splits: Splits, taken_up: RunFolder | None) -> dict[str, Any]:
    prepared = engine.prepare(run, session.domain.task_for(run), splits)
    session.report.model(run, account(prepared.model))
    with recorded(session, run, taken_up) as (folder, mirror):
        outcome = fit_and_judge(session, run, splits, prepared, folder, mirror)
        path = finish(session, outcome)
        summarised(folder)
    result = results.result(run, outcome.told, [outcome.told], {}, path)
    session.report.result(session.domain.task_for(run), result, splits.test.size)
    return result


def _train_several(
    session: Session, run: Run, whole: Splits, members: Sequence[tuple[Run, Splits]], taken_up: RunFolder | None
) -> dict[str, Any]:
    """A parent run with a child for each member; exports the best of them, or the ensemble that the run asks for."""
    task = session.domain.task_for(run)
    outcomes: list[Outcome] = []
    sizes = [splits.test.size for _, splits in members]
    rows = sum(sizes) if run.folds else sizes[0]  # of folds each is judged once; seeds share many of theirs
    with recorded(session, run, taken_up) as (parent, mirror):
        once(parent, "data", {**whole.meta, "digest": digest(whole)})
        tracking.follow(mirror)  # an ensemble is asked for its id before it ends
        for number, (member, splits) in enumerate(members):
            session.report.member(number, len(members), member, splits.meta)
            outcome = _member(session, member, splits, parent)
            # Of those before, only their states are kept: the memory of many models is that of one.
            outcomes = [replace(o, fitted=None) for o in outcomes] + [outcome]
        told = [outcome.told for outcome in outcomes]
        spread = results.deviations(told)
        if run.combine == "best":
            chosen = functools.reduce(lambda a, b: b if _better(task.measure, b, a) else a, outcomes)
            figures = {**chosen.told, **results.means(told)}
        else:
            chosen = _ensemble(session, run, whole, outcomes, parent, mirror)
            figures = {**chosen.told, "members": results.means(told)["scores"]}
        path = finish(session, chosen)
        result = results.result(run, figures, told, spread, path)
        once(parent, "scores", {**result, "card": card(run, result), "verdict": verdict(task, result, rows)})
        summarised(chosen.folder)
        summarised(parent)
        tracking.follow(chosen.mirror)
    session.report.result(task, result, rows)
    session.report.several(result, parent.path)
    return result


def _better(measure: str, one: Outcome, other: Outcome) -> bool:
    """Whether one did better on validation."""
    return better(measure, *(outcome.told["scores"]["val"][measure] for outcome in (one, other)))


def _ensemble(
    session: Session,
    run: Run,
    splits: Splits,
    outcomes: Sequence[Outcome],
    folder: RunFolder,
    mirror: tracking.Mirror,
) -> Outcome:
    """All members as one model, judged on the rows that they share."""
    task = session.domain.task_for(run)
    with session.report.waiting("putting the members together"):
        models = [restored(session, outcome, f"member{i}") for i, outcome in enumerate(outcomes)]
        model, shares = combined(run, task, [fitted.model for fitted in models], splits)
        scores = {name: engine.evaluate(model, task, rows, splits.meta) for name, rows in splits.items()}
    told = [outcome.told for outcome in outcomes]
    if "seconds" in task.headline:
        scores["test"]["seconds"] = sum(t["fit_seconds"] for t in told)
    names = ("parameters", "parameters_total", "fit_seconds", "compile_seconds", "epochs")
    figures = {
        **{name: sum(t[name] for t in told) for name in names},
        "seed": run.seed,
        "fold": None,
        "scores": scores,
        "baselines": told[0]["baselines"],
        "shares": shares,
        "run_id": mirror.known_run_id,
        "run_dir": str(folder.path),
    }
    return Outcome(run, splits, folder, mirror, figures, engine.Fitted(model, [], 0.0, 0.0))


def _member(session: Session, member: Run, splits: Splits, parent: RunFolder) -> Outcome:
    """One seed or fold, a child of its parent; one that has ended already is read from its record."""
    folder = _child(parent, member)
    if folder is not None and (scores := _scores_of_ended(folder)):
        mirror = tracking.Mirror(folder, session.domain.name)
        told = {k: v for k, v in scores.items() if k not in ("card", "verdict")}
        return Outcome(member, splits, folder, mirror, told, None)
    prepared = engine.prepare(member, session.domain.task_for(member), splits)
    with recorded(session, member, folder, parent.name) as (folder, mirror):
        return fit_and_judge(session, member, splits, prepared, folder, mirror)


def _scores_of_ended(folder: RunFolder) -> dict[str, Any] | None:
    """What a member that has ended was worth; None where it has to go on."""
    scores = folder.last("scores") if folder.finished() else None
    return scores and scores["values"]


def _child(parent: RunFolder, member: Run) -> RunFolder | None:
    """The folder of a member of a parent run, if it was started before."""
    wanted = clean(member.flat())
    for folder in all_runs(member.domain):
        start = folder.last("start")
        if start and start["values"]["parent"] == parent.name and start["values"]["params"] == wanted:
            return folder
    return None
