"""Economics: the past of many series to their futures, with intervals. Light: names, flags, recipes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from data.economics import EconomicsData, folds, load
from data.economics_known import labelled_rows
from data.economics_requests import requests
from data.errors import BadInput
from data.splits import Splits
from pipelines.domain import Domain, Verb
from pipelines.economics.fit import EconomicsFit
from pipelines.economics.recipes import RECIPES
from pipelines.run import Run

HORIZON = 8  # of every forecaster, where none is given


def _folds(run: Run, splits: Splits, k: int) -> Iterator[Splits]:
    return folds(run.data, k, seed=run.seed)


def _about(meta: Mapping[str, Any]) -> list[str]:
    season = f", season of {meta['period']}" if meta["period"] > 1 else ""
    ahead = f"{meta['horizon']} step{'s' if meta['horizon'] > 1 else ''} ahead"
    lines = [f"{meta['series']:,} {meta['frequency']} series{season}; {ahead}"]
    if meta["dropped"]:
        lines.append(f"{meta['dropped']:,} series that never move were left out")
    if meta.get("gone"):
        lines.append(f"not in the newest vintage and left out: {', '.join(meta['gone'])[:120]}")
    if meta["covariates"]:
        told = [f"{kind}: {', '.join(about['names'])}" for kind, about in meta["covariates"].items()]
        lines.append(
            f"covariates, which the networks alone read (fit.share 0 has them answer alone); {'; '.join(told)}"
        )
    return lines


def check(run: Run) -> None:
    """Refuse what cannot work before anything is read.

    Raises:
        BadInput: a horizon given to the network and not to the data, or smoothed labels, which forecasts have not.
    """
    if run.fit.label_smoothing:
        raise BadInput("fit.label_smoothing is for classes", wanted="0", got=run.fit.label_smoothing)
    horizon = run.model.options.get("horizon", HORIZON)
    if horizon not in (HORIZON, run.data.horizon):
        raise BadInput("model.horizon is given by the data", wanted=f"data.horizon {horizon}", got="model.horizon")


DOMAIN = Domain(
    name="economics",
    summary="economic time series: the past of many to their futures, with intervals",
    data=EconomicsData,
    load=load,
    folds=_folds,
    rows=labelled_rows,
    requests=requests,
    recipes=RECIPES,
    task_module="pipelines.economics.task",
    about=_about,
    facts=("frequency", "period", "horizon", "length", "shortest", "transform", "levels", "covariates", "vintage"),
    fit=EconomicsFit,
    check=check,
    verbs={
        "evaluate": Verb(
            "evaluate [MODEL] [FILE] [--origins N --stride N] [--json]    beside the baselines, from rolling origins",
            "pipelines.economics.backtest",
        ),
        "explain": Verb(
            "explain [MODEL] FILE [--out FOLDER] [--json]    parts of each forecast (nbeats), importance of covariates",
            "pipelines.economics.explain",
        ),
        "reconcile": Verb(
            "reconcile [MODEL] FILE SUMS [--method mint] [--out PATH] [--json]    forecasts that add up",
            "pipelines.economics.reconcile",
        ),
        "describe": Verb(
            "describe [RECIPE] [--json]    parameters, layer by layer, on the recipe's data",
            "pipelines.describe.recipe",
        ),
    },
)
