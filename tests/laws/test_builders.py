"""Laws that hold for every builder in the table, and for every layer that a family registers."""

from __future__ import annotations

import ast
import inspect
import json
import pkgutil
import re
from functools import cache
from importlib import import_module
from pathlib import Path

import griffe
import keras
import numpy as np
import pytest
import tensorflow as tf

import arch
from arch.account import outline
from tests.laws.cases import CASES, LAYERS

ROOT = Path(__file__).resolve().parents[2]
FLAG_TYPES = re.compile(r"int|float|bool|str|Literal\[.+\]|tuple\[(int|float|str), \.\.\.\]")
every_builder = pytest.mark.parametrize("name", arch.BUILDERS)


def build(name, seed=7):
    """The small model of this builder, weights drawn from the seed."""
    keras.utils.set_random_seed(seed)
    inputs, argument = CASES[name].symbols()
    return keras.Model(inputs, arch.builder(name)(argument, **CASES[name].options))


@cache
def model(name):
    """A small model for laws that leave its weights alone."""
    return build(name)


def batch(name, rows=5, seed=1):
    return CASES[name].rows(rows, seed)


@cache
def signature(name):
    """The builder's options, read from its source as the command line does: nothing is imported."""
    module = griffe.load(arch.BUILDERS[name], search_paths=[ROOT], allow_inspection=False)
    return module[name]


def options(name):
    return [parameter for parameter in signature(name).parameters if parameter.kind.value == "keyword-only"]


def docs(name):
    return {section.kind.value: section.value for section in signature(name).docstring.parse("google")}


def test_every_builder_and_no_other_has_a_case():
    assert set(CASES) == set(arch.BUILDERS)


@every_builder
def test_a_builder_turns_a_batch_into_finite_vectors(name):
    features = np.asarray(model(name)(batch(name)))
    assert features.shape == (5, model(name).output_shape[-1])
    assert np.isfinite(features).all()
    assert np.ptp(features, axis=0).max() > 1e-3  # the input matters


@every_builder
def test_every_trainable_weight_gets_a_gradient(name):
    trained = build(name)
    x, weights = batch(name, rows=11), trained.trainable_variables
    with tf.GradientTape() as tape:
        y = trained(x, training=True)
        loss = tf.reduce_sum(y * np.random.default_rng(3).normal(size=y.shape))
    gradients = tape.gradient(loss, [weight.value for weight in weights])
    dead = [w.path for w, g in zip(weights, gradients, strict=True) if g is None or not np.any(np.abs(g) > 1e-7)]
    assert not dead


@every_builder
def test_save_and_load_keep_the_function_to_the_bit(name, tmp_path):
    model(name).save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = batch(name)
    np.testing.assert_array_equal(loaded(x), model(name)(x))


@every_builder
def test_rows_of_a_batch_are_independent_at_inference(name):
    alone = [batch(name, rows=1, seed=seed) for seed in range(5)]  # of graphs, as many that do not touch
    together = model(name)(CASES[name].join(alone))
    # products of one row and of five may be summed in another order
    np.testing.assert_allclose(np.concatenate([model(name)(x) for x in alone]), together, rtol=1e-4, atol=1e-5)


@every_builder
def test_the_seed_decides_the_weights(name):
    first, same, other = build(name), build(name), build(name, seed=8)
    pairs = zip(first.get_weights(), same.get_weights(), strict=True)
    assert all(np.array_equal(one, two) for one, two in pairs)
    pairs = zip(first.get_weights(), other.get_weights(), strict=True)
    assert any(not np.array_equal(one, two) for one, two in pairs)


@every_builder
def test_layer_names_are_unique_and_stay_when_built_again(name):
    names, again = ([layer.name for layer in outline(lambda: build(name)).layers] for _ in range(2))
    assert len(set(names)) == len(names)
    assert names == again


@every_builder
def test_features_of_half_precision_follow_those_of_full_precision(name):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        half = build(name)
    finally:
        keras.config.set_dtype_policy("float32")
    full = np.asarray(model(name)(batch(name)))
    found = keras.ops.convert_to_numpy(keras.ops.cast(half(batch(name)), "float32"))
    # bfloat16 keeps 8 bits, and a small network rounds some ten times
    assert np.abs(found - full).max() < 0.1 * np.abs(full).max()


@every_builder
def test_options_are_at_most_seven_keyword_only_and_of_types_that_a_flag_can_hold(name):
    first, *rest = signature(name).parameters
    assert first.name == "inputs"
    assert [parameter.name for parameter in rest] == [parameter.name for parameter in options(name)]
    assert 1 <= len(rest) <= 7
    for option in rest:
        assert FLAG_TYPES.fullmatch(str(option.annotation)), option.name
        assert option.default is not None, option.name


@every_builder
def test_every_option_is_documented_in_one_line_and_in_order(name):
    described = docs(name)["parameters"]
    assert [entry.name for entry in described] == ["inputs", *(option.name for option in options(name))]
    for entry in described:
        assert entry.description.strip(), entry.name
        assert "\n" not in entry.description.strip(), entry.name


@every_builder
def test_returns_raises_and_source_are_documented(name):
    sections = docs(name)
    assert {"text", "parameters", "returns", "raises"} <= set(sections)
    assert "Source:" in signature(name).docstring.value


@every_builder
def test_defaults_build(name):
    inputs, argument = CASES[name].symbols(side=17)
    made = outline(lambda: keras.Model(inputs, arch.builder(name)(argument)))
    assert len(made.output_shape) == 2


@every_builder
def test_bad_options_are_refused_in_the_builders_name(name):
    _, argument = CASES[name].symbols()
    for bad in CASES[name].bad:
        with pytest.raises(ValueError, match=rf"^{name}: .+, got .+"):
            arch.builder(name)(argument, **{**CASES[name].options, **bad})


@every_builder
def test_words_outside_a_literal_are_refused_with_the_words_there_are(name):
    _, argument = CASES[name].symbols()
    for option in options(name):
        text = str(option.annotation)
        if not text.startswith("Literal"):
            continue
        words = ", ".join(ast.literal_eval(f"({text.removeprefix('Literal[').removesuffix(']')},)"))
        with pytest.raises(ValueError, match=rf"^{name}: {option.name} must be one of {words}, got 'nonsense'"):
            arch.builder(name)(argument, **{option.name: "nonsense"})


def registered_layers():
    """Every layer class that a module of arch defines; models are functional and hold layers."""
    for entry in pkgutil.walk_packages(arch.__path__, "arch."):
        module = import_module(entry.name)
        for kind in vars(module).values():
            here = inspect.isclass(kind) and kind.__module__ == module.__name__
            if here and kind.__name__.startswith("_") and kind.__subclasses__():
                continue  # what other layers share, and no model holds
            if here and issubclass(kind, keras.layers.Layer) and not issubclass(kind, keras.Model):
                yield f"{module.__name__}.{kind.__name__}", kind


def own_arguments(kind):
    """Arguments of a layer's own `__init__`, without those that it hands on."""
    every = inspect.signature(kind.__init__).parameters.values()
    return {p.name: p.default for p in every if p.name != "self" and p.kind is p.POSITIONAL_OR_KEYWORD}


def test_every_layer_has_a_case():
    assert {name for name, _ in registered_layers()} == set(LAYERS)


@pytest.mark.parametrize("name", LAYERS)
def test_a_layers_config_round_trips_with_values_that_are_not_the_defaults(name):
    kind = dict(registered_layers())[name]
    values = LAYERS[name]
    for argument, default in own_arguments(kind).items():
        assert values[argument] != default, argument
    layer = kind(**values, name="odd_name", dtype="mixed_bfloat16")
    text = json.dumps(keras.saving.serialize_keras_object(layer))
    again = keras.saving.deserialize_keras_object(json.loads(text))
    assert keras.saving.get_registered_name(kind) == f"arch>{kind.__name__}"
    assert type(again) is kind
    assert again.get_config() == layer.get_config()
    for argument, value in values.items():
        assert again.get_config()[argument] == value, argument
    assert (again.name, again.compute_dtype) == ("odd_name", "bfloat16")
