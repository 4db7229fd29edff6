"""`describe --laws`: the laws of `arch.laws`, measured on the network as it is before training."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from arch import GRAPHS, laws
from arch.account import account
from arch.variants import Variant
from data.errors import BadInput

ROWS = 4  # of the random batch
INVARIANT = 1e-5  # rounding in float32, relative to the outputs


def measured(model: keras.Model, chosen: Variant) -> dict[str, Any]:
    """Numbers with what they mean; `rows` is a list of law, number, means.

    Raises:
        BadInput: for builders that do not take one tensor.
    """
    if chosen.builder in GRAPHS:
        raise BadInput("--laws and a graph", wanted="a builder that takes one tensor", got=chosen.builder)
    x = np.random.default_rng(0).normal(size=(ROWS, *chosen.input_shape)).astype("float32")
    rows = [*_symmetries(model, x, chosen), *_maps(model, x), *_gradients(model, x), *_reach(model), _sharing(model)]
    return {"rows": rows}


def _row(law: str, number: float, means: str) -> dict[str, Any]:
    return {"law": law, "number": float(number), "means": means}


def _actions(chosen: Variant) -> dict[str, laws.Action]:
    """The actions that make sense for an input of this shape."""
    places, channels = len(chosen.input_shape) - 1, chosen.input_shape[-1]
    if chosen.builder == "tensor_field":
        turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
        return {
            "turn of space": laws.turn_points(turn * np.sign(np.linalg.det(turn))),
            "order of points": laws.permute(),
            "mirror image": lambda x: np.concatenate([-x[..., :1], x[..., 1:]], axis=-1),
        }
    if places == 0:
        return {"order of features": laws.permute(axis=1)}
    actions = {"shift by one": laws.shift(1), "mirror image": laws.flip(), "order of places": laws.permute()}
    if places == 1 and channels == 4:
        actions["reverse complement"] = laws.reverse_complement()
    if places == 2 and chosen.input_shape[0] == chosen.input_shape[1]:
        actions |= {"quarter turn": laws.rotate(), "half turn": laws.rotate(2)}
    return actions


def _symmetries(model: keras.Model, x: np.ndarray, chosen: Variant) -> list[dict[str, Any]]:
    rows = []
    for name, action in _actions(chosen).items():
        error = laws.equivariance_error(model, x, action)
        same = "nothing changes" if error.worst <= INVARIANT else "outputs change by this share of the largest"
        rows.append(_row(f"{name}: outputs", error.worst, same))
    return rows


def _maps(model: keras.Model, x: np.ndarray) -> list[dict[str, Any]]:
    """Whether the last maps move with the input, away from borders, where the receptive field leaves such places."""
    last = next((layer for layer in reversed(model.layers) if _is_map(layer)), None)
    found = account(model)
    field = found.receptive_field
    if last is None or not field:
        return []
    size, places = x.shape[1], last.output.shape[1]
    stride = -(-size // places)
    border = -(-field[0] // (2 * stride)) + 2
    if size % stride or places - 2 * border < 1:
        return []
    maps = keras.Model(model.input, last.output)
    error = laws.equivariance_error(maps, x, laws.shift(stride), laws.shift(1), border=border).worst
    means = "they move with it" if error <= INVARIANT else "they do not move with it"
    return [_row(f"shift by {stride}: last maps, away from borders", error, means)]


def _is_map(layer: Any) -> bool:
    return len(getattr(layer.output, "shape", ())) > 2 and not isinstance(layer, keras.layers.InputLayer)


def _gradients(model: keras.Model, x: np.ndarray) -> list[dict[str, Any]]:
    flow = laws.gradient_flow(model, x)
    means = f"|gradient| / |weight| at the first of {len(flow.layers)} kernels over the last"
    jacobian = laws.jacobian_norm(model, x, probes=2)
    return [
        _row("gradient, first layer over last", flow.ratio, means),
        _row("Jacobian", jacobian, "how much an output moves when the input moves by one, on average"),
    ]


def _reach(model: keras.Model) -> list[dict[str, Any]]:
    if not any(_is_map(layer) for layer in model.layers):
        return []
    reach = laws.receptive_field(model, rows=2)
    computed = "everything" if reach.computed is None else " x ".join(map(str, reach.computed))
    agree = "as the input shows" if reach.agree else "DIFFERENT from what was measured"
    return [_row("receptive field, measured", max(reach.measured), f"computed: {computed}, {agree}")]


def _sharing(model: keras.Model) -> dict[str, Any]:
    return _row("uses of a weight", laws.parameter_sharing(model), "multiply-adds over the weights of all kernels")
