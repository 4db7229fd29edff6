"""Which places of a picture a network's answer comes from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from arch.attribution import integrated_gradients
from arch.kernels import pullback
from data.errors import BadInput


class Salience:
    """A trained network of this domain, cut open: scaling, last maps, logits; one view of each picture.

    Args:
        model: the Keras model.

    Raises:
        BadInput: a model that is no single network, such as an ensemble.
    """

    def __init__(self, model: keras.Model) -> None:
        names = {layer.name for layer in model.layers}
        if not {"scaling", "views", "logits"} <= names:
            wanted = "a single network, such as a member of the ensemble"
            raise BadInput("explain: a model that is no single network", wanted=wanted, got=model.name)
        scaled, seen, logits = (model.get_layer(name).output for name in ("scaling", "views", "logits"))
        self._scaling, self._body = keras.Model(model.input, scaled), keras.Model(seen, logits)
        maps = [layer.output for layer in self._body.layers[1:] if _is_map(layer)]
        self._front = keras.Model(seen, maps[-1]) if maps else None
        self._back = keras.Model(maps[-1], logits) if maps else None

    def logits(self, pixels: np.ndarray) -> np.ndarray:
        """(rows, classes) of uint8 pictures."""
        return ops.convert_to_numpy(self._body(self._scaled(pixels), training=False))

    def grad_cam(self, pixels: np.ndarray, classes: np.ndarray) -> np.ndarray | None:
        """Where the last maps hold features of a class: (rows, height of the maps, width of the maps), 0 or more.

        None of a network without maps, such as a vision transformer.

        Source: Selvaraju et al. 2017, Grad-CAM, equations 1 and 2.
        """
        if self._front is None or self._back is None:
            return None
        maps = self._front(self._scaled(pixels), training=False)
        back = self._back
        gradient = pullback(lambda x: back(x, training=False))(maps, _one_hot(classes, back.output_shape[-1]))
        weights = ops.mean(gradient, axis=(1, 2), keepdims=True)
        return ops.convert_to_numpy(ops.relu(ops.sum(weights * maps, axis=-1)))

    def integrated_gradients(self, pixels: np.ndarray, classes: np.ndarray, steps: int) -> tuple[np.ndarray, float]:
        """What each pixel adds to a class' logit, from an evenly grey picture on: (rows, height, width).

        Beside it the largest distance between the sum over a picture and the difference of its logits, which the steps
        make small.
        """
        x = np.asarray(self._scaled(pixels))
        found = np.zeros_like(x)
        for number in np.unique(classes):
            rows = np.flatnonzero(classes == number)
            found[rows] = integrated_gradients(self._logit(int(number)), x[rows], np.zeros_like(x[:1]), steps=steps)
        ends = (ops.convert_to_numpy(self._body(end, training=False)) for end in (x, np.zeros_like(x)))
        whole = np.subtract(*(end[np.arange(len(x)), classes] for end in ends))
        return found.sum(-1), float(np.abs(found.sum((1, 2, 3)) - whole).max())

    def _scaled(self, pixels: np.ndarray) -> Any:
        return self._scaling({"image": pixels}, training=False)

    def _logit(self, number: int) -> Callable[[Any], Any]:
        return lambda x: self._body(x, training=False)[:, number]


def _is_map(layer: keras.layers.Layer) -> bool:
    return len(getattr(layer.output, "shape", ())) == 4


def _one_hot(classes: np.ndarray, count: int) -> np.ndarray:
    return np.eye(count, dtype=np.float32)[classes]
