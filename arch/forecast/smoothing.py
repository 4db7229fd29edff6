"""Exponential smoothing over a grid of constants at once: linear filters, their initial states by least squares."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from keras import ops

from arch.forecast.seasonality import Past

RIDGE = 1e-6


class Candidate(NamedTuple):
    """One linear state-space model: y[t] = w x[t-1] + e[t], x[t] = F x[t-1] + g e[t].

    Attributes:
        transition: F, (states, states).
        gain: g, (states,).
        seen: w, (states,).
    """

    transition: np.ndarray
    gain: np.ndarray
    seen: np.ndarray


class Filters(NamedTuple):
    """What a grid of candidates does to a history of a length, as arrays.

    Attributes:
        predict: (candidates, length, length) of values at j to the one-step prediction at i.
        respond: (candidates, length + 1, states) of the prediction at i to the initial state.
        final: (candidates, states, length) of values to the last state.
        carry: (candidates, length + 1, states, states) of the initial state to the state after so many values.
        ahead: (candidates, horizon, states) of the last state to forecasts.
    """

    predict: np.ndarray
    respond: np.ndarray
    final: np.ndarray
    carry: np.ndarray
    ahead: np.ndarray


def simple(rate: float) -> Candidate:
    """A level alone."""
    return Candidate(np.eye(1), np.array([rate]), np.ones(1))


def damped(rate: float, trend_rate: float, damping: float) -> Candidate:
    """A level and a slope that fades. Source: Gardner and McKenzie 1985."""
    transition = np.array([[1.0, damping], [0.0, damping]])
    return Candidate(transition, np.array([rate, rate * trend_rate]), np.array([1.0, damping]))


def filters(candidates: list[Candidate], length: int, horizon: int) -> Filters:
    """The grid's filters.

    The prediction is w D^(i-j-1) g y[j], summed over j < i, and w D^i x[0], with D = F - g w'.
    """
    parts = [_filter(candidate, length, horizon) for candidate in candidates]
    return Filters(*(np.stack(arrays).astype("float32") for arrays in zip(*parts, strict=True)))


def _filter(of: Candidate, length: int, horizon: int) -> tuple[np.ndarray, ...]:
    back = of.transition - np.outer(of.gain, of.seen)
    powers = [np.eye(len(of.gain))]
    for _ in range(length):
        powers.append(powers[-1] @ back)
    carry = np.stack(powers)
    impulse = carry @ of.gain  # (length + 1, states)
    lag = np.arange(length)[:, None] - np.arange(length)
    predict = np.where(lag >= 1, (impulse @ of.seen)[np.maximum(lag - 1, 0)], 0.0)
    steps = [of.seen]
    for _ in range(horizon - 1):
        steps.append(steps[-1] @ of.transition)
    return predict, carry.transpose(0, 2, 1) @ of.seen, impulse[:length][::-1].T, carry, np.stack(steps)


class Fit(NamedTuple):
    """The candidate of a grid that fits each history best.

    Attributes:
        chosen: (batch,) its number.
        state: (batch, states) after the last value.
        forecasts: (batch, horizon).
    """

    chosen: Any
    state: Any
    forecasts: Any


def smooth(series: Past, grid: Filters) -> Fit:
    """Of each history the candidate with the least squared one-step errors, its initial state by least squares."""
    predicted = ops.transpose(ops.matmul(grid.predict, ops.transpose(series.values)), (2, 0, 1))
    age, count = _age(series)
    response = ops.transpose(ops.take(grid.respond, age, axis=1), (1, 0, 2, 3)) * series.there[:, None, :, None]
    errors = (series.values[:, None] - predicted) * series.there[:, None]
    start = least_squares(response, errors)
    errors = errors - ops.sum(response * start[:, :, None], axis=-1)
    chosen = ops.argmin(ops.sum(errors**2, axis=-1), axis=1)
    carried = ops.transpose(ops.take(grid.carry, count, axis=1), (1, 0, 2, 3))
    driven = ops.transpose(ops.matmul(grid.final, ops.transpose(series.values)), (2, 0, 1))
    states = ops.sum(carried * start[:, :, None], axis=-1) + driven
    state = of_chosen(states, chosen)
    forecasts = ops.sum(ops.take(grid.ahead, chosen, axis=0) * state[:, None], axis=-1)
    return Fit(chosen, state, forecasts)


def _age(series: Past) -> tuple[Any, Any]:
    """How many values stand before each place, (batch, length), 0 where there is none, and before the end, (batch,)."""
    length = series.values.shape[1]
    count = ops.cast(series.count, "int32")
    return ops.maximum(ops.arange(length, dtype="int32") - (length - count), 0), count[:, 0]


def of_chosen(values: Any, chosen: Any) -> Any:
    """(batch, candidates, n) to (batch, n): those of each row's own candidate."""
    mask = ops.one_hot(chosen, values.shape[1], dtype=values.dtype)
    return ops.sum(values * mask[:, :, None], axis=1)


def least_squares(columns: Any, target: Any) -> Any:
    """Solve for one or two unknowns.

    Args:
        columns: (..., length, unknowns).
        target: (..., length).

    Returns:
        (..., unknowns), slightly drawn to zero where columns are nearly the same.
    """
    right = ops.sum(columns * target[..., None], axis=-2)
    if columns.shape[-1] == 1:
        return right / ops.maximum(ops.sum(columns**2, axis=-2), RIDGE)
    first, second = columns[..., 0], columns[..., 1]
    a, b = (ops.sum(x * x, axis=-1) * (1 + RIDGE) + RIDGE for x in (first, second))
    c = ops.sum(first * second, axis=-1)
    determinant = ops.maximum(a * b - c * c, 1e-12)
    solved = [b * right[..., 0] - c * right[..., 1], a * right[..., 1] - c * right[..., 0]]
    return ops.stack(solved, axis=-1) / determinant[..., None]
