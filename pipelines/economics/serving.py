"""The served function: raw histories of any length, and their frequency, to forecasts and quantiles."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from data.economics import LEVELS
from data.economics_covariates import KINDS as COVARIATES
from data.splits import Rows
from pipelines.economics.served_covariates import as_many, cut, example, fields, refuse_at
from pipelines.economics.served_covariates import checks as covariate_checks
from pipelines.task import Meta, Serving


def serving(model: keras.Model, meta: Meta, rows: Rows) -> Serving:
    """Histories, NaN in front of shorter ones, to the mean and quantiles of every step."""
    length, period, horizon = meta["length"], meta["period"], meta["horizon"]
    beside = fields(meta)

    def function(history: Any, frequency: Any, *others: Any) -> dict[str, Any]:
        covariates = dict(zip(beside, others, strict=True))
        history = as_many(history, {"frequency": frequency, **covariates})
        wrong = [*checks(history, meta), _right_frequency(frequency, period)]
        with tf.control_dependencies([*wrong, *covariate_checks(history, covariates, meta)]):
            newest = tf.identity(history[:, -length:])
        front = tf.maximum(length - tf.shape(newest)[1], 0)
        whole = tf.pad(newest, [[0, 0], [front, 0]], constant_values=float("nan"))
        known = {kind: cut(kind, values, meta) for kind, values in covariates.items()}
        outputs = model({"history": tf.ensure_shape(whole, [None, length]), **known}, training=False)
        return {"mean": outputs[..., 0], "quantiles": outputs[..., 1:]}

    positive = ", above 0" if meta["transform"].startswith("log") else ""
    doc = f"of each series its {meta['frequency']} values, at least {meta['shortest']}{positive}, the newest last"
    levels = ", ".join(f"{level:g}" for level in LEVELS)
    return Serving(
        function,
        {
            "history": {
                "dtype": "float32",
                "shape": [None, None],
                "doc": f"{doc}; shorter ones as they are in JSON, with NaN in front in a tensor",
            },
            "frequency": {"dtype": "int64", "shape": [None], "doc": f"values of a season: {period}, of each series"},
            **beside,
        },
        {
            "mean": {"dtype": "float32", "shape": [None, horizon], "doc": "of each step ahead"},
            "quantiles": {"dtype": "float32", "shape": [None, horizon, len(LEVELS)], "doc": f"at {levels}"},
        },
        example=_example(rows, meta),
    )


def checks(history: Any, meta: Meta) -> list[Any]:
    """What fails, naming series and value, both counted from 1, where a history cannot be forecast."""
    there = tf.math.is_finite(history)
    gaps = tf.concat([tf.zeros_like(there[:, :1]), there[:, :-1] & ~there[:, 1:]], 1) | tf.math.is_inf(history)
    # The newest value must be there too: NaN may only stand in front.
    empty = ~there[:, -1:]
    count = tf.reduce_sum(tf.cast(there, tf.int32), 1)
    found = [
        _refuse(~gaps & ~(empty & (tf.range(tf.shape(history)[1]) == tf.shape(history)[1] - 1)), "not a finite number"),
        _refuse(count >= meta["shortest"], f"too few values; wanted at least {meta['shortest']}"),
    ]
    if meta["transform"].startswith("log"):
        found.append(_refuse(~there | (history > 0), "no logarithm; wanted values above 0"))
    if meta["transform"].startswith("growth"):
        found.append(_refuse(~there | (history != 0), "no growth; wanted values other than 0"))
    return found


def _right_frequency(frequency: Any, period: int) -> Any:
    return _refuse(frequency == period, f"another frequency than that of the model; wanted a season of {period}")


def _refuse(right: Any, what: str) -> Any:
    """Fail with the first wrong series, or (series, value), unless all is right."""
    return refuse_at(right, what, "value")


def _example(rows: Rows, meta: Meta) -> dict[str, Any]:
    """The first test row's history, as a client sends it."""
    batch = rows.batch(np.zeros(1, np.int64))
    history = batch["history"]
    sent = {"history": history[:, np.isfinite(history[0])], "frequency": np.array([meta["period"]], np.int64)}
    return {**sent, **example(batch, meta)}


def raw(rows: Rows) -> dict[str, np.ndarray]:
    """The rows as a client sends them."""
    batch = rows.batch(np.arange(rows.size))
    period = rows.around.panel.frequency.period  # type: ignore[union-attr]
    sent = {name: values for name, values in batch.items() if name in ("history", "transform", *COVARIATES)}
    return {**sent, "frequency": np.full(rows.size, period, np.int64)}
