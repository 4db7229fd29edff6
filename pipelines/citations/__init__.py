"""Citations: papers, their words and whom they cite, to classes. Light: names, flags, recipes; work is in `task`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from data.citation_requests import labelled_rows, requests
from data.citations import CitationsData, folds, load
from data.errors import BadInput
from data.splits import Splits
from pipelines.citations.fit import CitationsFit, fit_of
from pipelines.citations.recipes import RECIPES
from pipelines.cluster import worker
from pipelines.domain import Domain, Verb
from pipelines.run import Run


def _folds(run: Run, splits: Splits, k: int) -> Iterator[Splits]:
    return folds(run.data, k, seed=run.seed)


def _about(meta: Mapping[str, Any]) -> list[str]:
    found, kind = meta["found"], "words" if meta["form"] == "words" else "columns"
    lines = [f"{meta['papers']:,} papers, {meta['words']:,} {kind}, {meta['edges']:,} edges, {meta['setting']}"]
    odd = {
        "citations that repeat": found["repeated"],
        "papers that cite themselves": found["self_citations"],
        "papers without a citation": meta["isolated"],
        "papers without a label": meta["unlabelled"],
    }
    told = [f"{count:,} {what}" for what, count in odd.items() if count]
    return lines + ([", ".join(told)] if told else [])


def check(run: Run) -> None:
    """Refuse what cannot work before anything is read.

    Raises:
        BadInput: a whole graph on several devices or workers, sampling where all papers are needed, options that are
            not the user's to give or that contradict each other.
    """
    whole, options, data = not run.data.fan_outs, run.model.options, run.data
    if whole and (replicas := max(run.fit.devices, worker()[1])) > 1:
        raise cut_among_devices(replicas)
    if fit_of(run).consistency and not whole:
        wanted = "fit.consistency 0, or no data.fan_outs"
        raise BadInput("fit.consistency compares all papers of the graph", wanted=wanted, got="sampled neighbours")
    if options.get("outputs"):
        wanted = "none: there is one output a class"
        raise BadInput("model.outputs is given by the data", wanted=wanted, got=options["outputs"])
    if "positions" in options and options["positions"] != (data.position_kind if data.positions else "none"):
        wanted = "model.positions as data.position_kind beside data.positions above 0, or none and 0"
        got = f"{options['positions']} beside {data.positions} of {data.position_kind}"
        raise BadInput("model.positions are not those of the data", wanted=wanted, got=got)


def cut_among_devices(devices: int) -> BadInput:
    """What is told of a whole graph on several devices."""
    wanted = "one device, or data.fan_outs 15 10 to sample neighbours"
    return BadInput("fit.devices: a whole graph cannot be cut among devices", wanted=wanted, got=devices)


DOMAIN = Domain(
    name="citations",
    summary="citation graphs: papers to classes, by their words and whom they cite",
    data=CitationsData,
    load=load,
    folds=_folds,
    rows=labelled_rows,
    requests=requests,
    recipes=RECIPES,
    task_module="pipelines.citations.task",
    about=_about,
    facts=("words", "form", "columns", "scaling", "direction", "judge_by", "papers", "edges"),
    fit=CitationsFit,
    check=check,
    verbs={
        "explain": Verb(
            "explain [MODEL] PAPER ... [--out FOLDER] [--json]    which papers and words decided",
            "pipelines.citations.explain",
        ),
        "label": Verb(
            "label [MODEL] [--out FILE] [--messages N] [--json]    every paper of the run's own graph, of any size",
            "pipelines.citations.label",
        ),
        "describe": Verb(
            "describe [RECIPE] [--json]    parameters, layer by layer, on the recipe's data",
            "pipelines.describe.recipe",
        ),
    },
)
