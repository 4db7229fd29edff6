"""What Keras does not offer on every backend: compiling a function, and gradients in its inputs or in weights.

TensorFlow and JAX have a way of their own each, to the same numbers. There is no twin in keras.ops, which knows no
gradients; the tests hold both against finite differences. TensorFlow's are taken in a graph and never eagerly: in 2.21,
the eager gradient of a 1-wide convolution with stride 2 writes beyond its memory on CPUs (oneDNN).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras


def compiled(function: Callable[..., Any], *, pure: bool = True) -> Callable[..., Any]:
    """The function as the backend compiles it; itself where the backend compiles nothing.

    Args:
        function: from tensors to tensors.
        pure: whether it changes no weight; JAX compiles nothing else.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function, autograph=False)
    if keras.backend.backend() == "jax" and pure:
        import jax

        return jax.jit(function)
    return function


def pullback(function: Callable[[Any], Any]) -> Callable[[Any, Any], Any]:
    """The vector-Jacobian product of a function from one tensor to one tensor, compiled.

    Returns:
        (inputs, direction) -> the gradient of `sum(direction * function(inputs))` in the inputs.
    """
    _require_gradients()
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(lambda inputs, direction: jax.vjp(function, inputs)[1](direction)[0])
    import tensorflow as tf

    @tf.function(autograph=False)
    def pulled_back(inputs: Any, direction: Any) -> Any:
        inputs, direction = tf.convert_to_tensor(inputs), tf.convert_to_tensor(direction)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = function(inputs)
        return tape.gradient(outputs, inputs, output_gradients=direction)

    return pulled_back


def weight_gradients(model: keras.Model, inputs: Any, loss: Callable[[Any], Any], training: bool) -> Sequence[Any]:
    """The gradient of a loss in each trainable weight of a model, zeros where a weight has no part in it.

    Args:
        model: built.
        inputs: what it takes.
        loss: from its outputs to a number.
        training: whether it computes as in training; no weight is changed all the same.
    """
    _require_gradients()
    weights, others = model.trainable_variables, [v.value for v in model.non_trainable_variables]

    def loss_of(values: Sequence[Any]) -> Any:
        return loss(model.stateless_call(values, others, inputs, training=training)[0])

    values = [keras.ops.copy(weight.value) for weight in weights]
    if keras.backend.backend() == "jax":
        import jax

        return jax.grad(loss_of)(values)
    import tensorflow as tf

    @tf.function(autograph=False)
    def gradients(values: Sequence[Any]) -> Sequence[Any]:
        with tf.GradientTape() as tape:
            tape.watch(values)
            number = loss_of(values)
        return tape.gradient(number, values, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    return gradients(values)


def _require_gradients() -> None:
    backend = keras.backend.backend()
    if backend not in ("tensorflow", "jax"):
        raise ValueError(f"gradients: the backend must be tensorflow or jax, got {backend}")
