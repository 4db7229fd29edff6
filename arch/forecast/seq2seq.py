"""Encoder and decoder: one state reads the past, another writes the future, looking back at what was read."""

from __future__ import annotations

from typing import Any, Literal

import keras
from keras import ops

from arch.blocks import require_one_of, require_positive
from arch.forecast.members import require_windows

CELLS = {"lstm": keras.layers.LSTMCell, "gru": keras.layers.GRUCell}


@keras.saving.register_keras_serializable(package="arch")
class AttentionDecoder(keras.layers.Layer):
    """Writes one value after the other: (batch, length, features) -> (batch, horizon).

    At each step `e[i] = v tanh(W s + U h[i])`, `c = sum softmax(e)[i] h[i]`, s the state, h what was read; the cell
    takes the value written before and c, and the next value is a line through its output and c, added to the one
    before. Weights: those of the cell; query (units, units), key (features, units), score (units, 1), value and its
    bias (units + features, 1), (1,).

    Args:
        units: features of the state.
        horizon: values to write.
        cell: "lstm" or "gru".
        **kwargs: as of `keras.layers.Layer`.

    Source: Bahdanau et al. 2015, appendix A.1.2 (the scores); the state starts at zero, the first value before is 0.
    """

    def __init__(self, units: int, horizon: int, cell: Literal["lstm", "gru"] = "gru", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        require_one_of("AttentionDecoder", "cell", cell, CELLS)
        self.units, self.horizon, self.kind = units, horizon, cell
        self.cell = CELLS[cell](units, dtype=self.dtype_policy, name="cell")

    def build(self, input_shape: Any) -> None:
        """The cell and the attention's weights."""
        features, units = input_shape[-1], self.units
        self.cell.build((None, features + 1))
        shapes = {
            "query": (units, units),
            "key": (features, units),
            "score": (units, 1),
            "value": (units + features, 1),
        }
        for name, shape in shapes.items():
            setattr(self, name, self.add_weight(shape=shape, initializer="glorot_uniform", name=name))
        self.value_bias = self.add_weight(shape=(1,), initializer="zeros", name="value_bias")

    def call(self, inputs: Any) -> Any:
        """Step by step."""
        keys = ops.matmul(inputs, self.key)
        empty = ops.zeros_like(inputs[:, 0, :1])
        state = empty * ops.zeros((1, self.units), dtype=inputs.dtype)
        states = [state, state] if self.kind == "lstm" else [state]
        value, written = empty, []
        for _ in range(self.horizon):
            scores = ops.matmul(ops.tanh(keys + ops.matmul(states[0], self.query)[:, None]), self.score)
            context = ops.sum(ops.softmax(scores, axis=1) * inputs, axis=1)
            output, states = self.cell(ops.concatenate([value, context], axis=-1), states)
            read = ops.concatenate([output, context], axis=-1)
            value = value + ops.matmul(read, self.value) + self.value_bias
            written.append(value)
        return ops.concatenate(written, axis=1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """(batch, horizon)."""
        return (input_shape[0], self.horizon)

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "units": self.units, "horizon": self.horizon, "cell": self.kind}

    def multiply_adds(self, input_shape: tuple[int, ...]) -> int:
        """Of one row: keys once; at each step the query, the scores, the context, the cell and the value."""
        length, features = input_shape[1:]
        gates = 4 if self.kind == "lstm" else 3
        cell = gates * self.units * (features + 1 + self.units)
        step = self.units**2 + length * (self.units + features) + cell + self.units + features
        return length * features * self.units + self.horizon * step


def seq2seq(
    inputs: keras.KerasTensor,
    *,
    horizon: int = 8,
    units: int = 64,
    cell: Literal["lstm", "gru"] = "gru",
) -> keras.KerasTensor:
    """A recurrent encoder and a recurrent decoder with additive attention.

    Args:
        inputs: (batch, length, channels).
        horizon: steps to forecast, at least 1.
        units: features of both states, at least 1.
        cell: `lstm` or `gru`, of both.

    Returns:
        (batch, horizon).

    Raises:
        ValueError: when an option is out of range.

    Source: Sutskever et al. 2014 (encoder and decoder); Bahdanau et al. 2015 (attention), with an encoder that reads in
        one direction, that of time.
    """
    require_windows("seq2seq", inputs)
    require_positive("seq2seq", "horizon", horizon)
    require_positive("seq2seq", "units", units)
    require_one_of("seq2seq", "cell", cell, CELLS)
    layer = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU}[cell]
    read = layer(units, return_sequences=True, name="encoder")(inputs)
    return AttentionDecoder(units, horizon, cell, name="decoder")(read)
