"""Covariates at the served end: what a client sends beside its histories, checked, and cut to what a model reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from data.economics import GROWTH, LOGS
from data.economics_covariates import Asked, further, published
from pipelines.served_graph import numbered, refuse
from pipelines.task import Meta

SEASONS = {
    "quarterly": "0 the first quarter of the year",
    "monthly": "0 January",
    "daily": "0 Monday",
    "hourly": "0 the hour from midnight",
}


def fields(meta: Meta) -> dict[str, dict[str, Any]]:
    """Of what the served function takes beside histories the schema, in order."""
    told = {kind: _field(kind, about, meta) for kind, about in meta["covariates"].items()}
    if "transform" in further(meta):
        doc = "FRED-MD's code of each series, 1 to 7; 4 to 6 take values above 0, 7 values other than 0"
        told["transform"] = {"dtype": "int32", "shape": [None], "doc": doc}
    return told


def _field(kind: str, about: Mapping[str, Any], meta: Meta) -> dict[str, Any]:
    """The schema of one kind of covariate."""
    names = about["names"]
    if kind == "season":
        doc = f"of the first value to forecast, of each series; {SEASONS[meta['frequency']]}"
        return {"dtype": "int32", "shape": [None], "doc": doc}
    if kind == "static":
        return {"dtype": "float32", "shape": [None, len(names)], "doc": f"of each series {', '.join(names)}"}
    dates = "its dates" if kind == "past" else f"its dates and the {meta['horizon']} to be forecast"
    doc = f"of each series, at {dates}, {', '.join(names)}{_late(about)}"
    return {"dtype": "float32", "shape": [None, None, len(names)], "doc": doc}


def _late(about: Mapping[str, Any]) -> str:
    late = [f"{lag} of {name}" for name, lag in zip(about["names"], about.get("lags", ()), strict=False) if lag]
    return f"; not published yet and never read, so any number: the newest {', '.join(late)}" if late else ""


def checks(history: Any, covariates: Mapping[str, Any], meta: Meta) -> list[Any]:
    """What fails, naming series and date, both counted from 1, where covariates cannot be used."""
    found = []
    length, horizon = tf.shape(history)[1], meta["horizon"]
    there = tf.math.is_finite(history)
    for kind, values in covariates.items():
        if kind == "transform":
            found += _coded(history, values)
            continue
        if kind == "season":
            fits = (values >= 0) & (values < meta["period"])
            found.append(refuse_at(fits, f"season; wanted 0 to {meta['period'] - 1}"))
            continue
        known = tf.math.is_finite(values)
        if kind == "static":
            found.append(refuse_at(known, "static: not a finite number"))
            continue
        dates = length + (horizon if kind == "future" else 0)
        told = "as many dates as the history" if kind == "past" else f"the dates of the history and {horizon} more"
        same = refuse(tf.shape(values)[1] == dates, _said(f"{kind}: wanted {told}"))
        with tf.control_dependencies([same]):
            found.append(refuse_at(_complete(kind, tf.identity(known), there, meta), f"{kind}: not a finite number"))
    return found


def _coded(history: Any, codes: Any) -> list[Any]:
    """What fails where a code is none, or a history has not what it takes."""
    code, there = codes[:, None], tf.math.is_finite(history)
    logs = tf.reduce_any([code == one for one in LOGS], 0)
    return [
        refuse_at((codes >= 1) & (codes <= 7), "transform; wanted a code of 1 to 7"),
        refuse_at(~logs | ~there | (history > 0), "no logarithm; wanted values above 0"),
        refuse_at((code != GROWTH) | ~there | (history != 0), "no growth; wanted values other than 0"),
    ]


def _said(what: str) -> Callable[[Any], list[str]]:
    return lambda at: [what]


def _complete(kind: str, known: Any, there: Any, meta: Meta) -> Any:
    """Where nothing is missing that is read, (series, dates)."""
    if kind == "future":
        ahead = tf.ones([tf.shape(there)[0], meta["horizon"]], tf.bool)
        return tf.reduce_all(known, 2) | ~tf.concat([there, ahead], 1)
    about = meta["covariates"]["past"]
    newest = published(max(about["lags"]) + 1, Asked(past=tuple(about["names"]), lags=tuple(about["lags"])))
    late = tf.pad(tf.constant(~newest), [[tf.maximum(tf.shape(there)[1] - len(newest), 0), 0], [0, 0]])
    return tf.reduce_all(known | late[-tf.shape(there)[1] :], 2) | ~there


def refuse_at(right: Any, what: str, kind: str = "place") -> Any:
    """Fail with the first wrong series, or (series, place), counted from 1, unless all is right."""

    def told(at: Any) -> list[Any]:
        return [
            numbered("series", at[0]),
            *([numbered(f", {kind}", at[1])] if len(right.shape) > 1 else []),
            ": " + what,
        ]

    return refuse(right, told)


def as_many(history: Any, others: Mapping[str, Any]) -> Any:
    """The histories, once it is seen that everything else has an entry for each."""
    rows = tf.shape(history)[0]
    counted = [
        refuse(tf.shape(x)[0] == rows, _said(f"{name}: wanted one for each history")) for name, x in others.items()
    ]
    with tf.control_dependencies(counted):
        return tf.identity(history)


def cut(kind: str, values: Any, meta: Meta) -> Any:
    """What a model reads of a covariate, NaN in front of what is shorter."""
    if kind in ("static", "season", "transform"):
        return values
    dates = meta["length"] + (meta["horizon"] if kind == "future" else 0)
    newest = values[:, -dates:]
    front = tf.maximum(dates - tf.shape(newest)[1], 0)
    whole = tf.pad(newest, [[0, 0], [front, 0], [0, 0]], constant_values=float("nan"))
    return tf.ensure_shape(whole, [None, dates, len(meta["covariates"][kind]["names"])])


def example(batch: Mapping[str, np.ndarray], meta: Meta) -> dict[str, np.ndarray]:
    """The covariates of the first row, as a client sends them: as long as its history, and 0 where none are read."""
    front = int(np.argmax(np.isfinite(batch["history"][0])))
    found = {kind: batch[kind][:1] for kind in further(meta)}
    for kind in ("past", "future"):
        if kind in found:
            found[kind] = np.nan_to_num(found[kind][:, front:])
    return found
