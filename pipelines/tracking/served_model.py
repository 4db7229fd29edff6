"""The exported SavedModel as MLflow's generic model: code that `mlflow models serve` runs in a process of its own.

MLflow copies this file beside the model ("models from code"), so nothing is pickled and nothing of the project is
imported.
"""

from typing import Any

import mlflow
import numpy as np
from mlflow.pyfunc import PythonModel


class ServedModel(PythonModel):
    """Columns of raw inputs in, named outputs out."""

    def load_context(self, context: Any) -> None:
        """Load the SavedModel with TensorFlow alone."""
        import tensorflow as tf

        self.loaded = tf.saved_model.load(context.artifacts["saved_model"])
        self.function = self.loaded.signatures["serving_default"]

    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]  # MLflow takes hints for a schema
        """Named outputs, one entry a row."""
        import tensorflow as tf

        specs = self.function.structured_input_signature[1]
        inputs = {name: tf.constant(np.asarray(model_input[name]).tolist(), spec.dtype) for name, spec in specs.items()}
        outputs = {name: value.numpy() for name, value in self.function(**inputs).items()}
        return {name: np.char.decode(v) if v.dtype.kind == "S" else _texts(v) for name, v in outputs.items()}


def _texts(values: np.ndarray) -> np.ndarray:
    return np.array([v.decode() for v in values.flat]).reshape(values.shape) if values.dtype == object else values


mlflow.models.set_model(ServedModel())
