"""Ensembles: several models of one question, answering as one; errors that they do not share cancel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import keras
from keras import ops

from arch.blocks import require, require_one_of

OUTPUTS = ("logits", "values")


@keras.saving.register_keras_serializable(package="arch")
class Mixture(keras.layers.Layer):
    """The weighted mean of several outputs: sum_i w_i y_i, or log sum_i w_i softmax(y_i) where they are logits.

    The mean of classifiers is that of their probabilities; its logarithm takes the place of logits, so that whatever
    reads a classifier reads an ensemble too. Weights: none.

    Args:
        shares: w, one for each output, none negative, together 1.
        outputs: what is averaged: "logits" of classes on the last axis, or plain "values".
        **kwargs: as of `keras.layers.Layer`.
    """

    def __init__(self, shares: Sequence[float], outputs: Literal["logits", "values"] = "logits", **kwargs: Any) -> None:
        super().__init__(**{"dtype": "float32", **kwargs})
        require_one_of("Mixture", "outputs", outputs, OUTPUTS)
        fair = bool(shares) and min(shares) >= 0 and abs(sum(shares) - 1) < 1e-6
        require(fair, "Mixture", "shares must be 0 or more and sum to 1", tuple(shares))
        self.shares, self.outputs = tuple(map(float, shares)), outputs

    def call(self, inputs: Sequence[Any]) -> Any:
        """Average tensors of one shape."""
        require(len(inputs) == len(self.shares), "Mixture", f"inputs must be {len(self.shares)}", len(inputs))
        parts = [(share, ops.cast(x, "float32")) for share, x in zip(self.shares, inputs, strict=True) if share]
        if self.outputs == "values":
            return sum(share * x for share, x in parts)
        return ops.logsumexp(ops.stack([ops.log_softmax(x) + ops.log(share) for share, x in parts]), axis=0)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """That of each input."""
        return tuple(input_shape[0])

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {**super().get_config(), "shares": self.shares, "outputs": self.outputs}


def ensemble(
    members: Sequence[keras.Model], shares: Sequence[float], outputs: Literal["logits", "values"] = "logits"
) -> keras.Model:
    """One model over the inputs that the members have in common.

    Args:
        members: models of different names whose inputs are the same by name, shape and dtype.
        shares: how much each counts, together 1; a member of no share is left out.
        outputs: what the members give: "logits" of classes, or plain "values".

    Returns:
        A model from the members' inputs to the weighted mean of their outputs.

    Raises:
        ValueError: where shares cannot work, or inputs differ.

    Source: Dietterich 2000 for why; Lakshminarayanan et al. 2017, section 2.4 for the mean over members trained from
    different seeds.
    """
    first = members[0].input
    for member in members:
        same = {n: (x.shape, x.dtype) for n, x in member.input.items()} == {
            n: (x.shape, x.dtype) for n, x in first.items()
        }
        require(same, "ensemble", f"inputs of all members must be those of {members[0].name}", member.name)
    inputs = {name: keras.Input(x.shape[1:], dtype=x.dtype, name=name) for name, x in first.items()}
    # Layers alone, without the optimizers that members were trained with: whoever opens it could not know those.
    plain = [keras.Model(member.input, member.output, name=member.name) for member in members]
    answers = [member(inputs) for member in plain]
    return keras.Model(inputs, Mixture(shares, outputs, name="mixture")(answers), name="ensemble")
