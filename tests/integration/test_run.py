"""Runs, builders' options and recipes: what can be known and checked before Keras is imported."""

import dataclasses
import json

import pytest

from arch import BUILDERS
from data.errors import BadInput
from pipelines.domain import DOMAINS, domain
from pipelines.options import check_options, describe_builder, options_dataclass, type_name
from pipelines.run import Fit, Model, Run
from pipelines.stored_run import read_run

RECIPES = [(d, name) for d in DOMAINS for name in domain(d).recipes]


@pytest.mark.parametrize(("domain_name", "recipe"), RECIPES)
def test_every_recipe_names_a_builder_and_options_that_it_has(domain_name, recipe):
    run = domain(domain_name).recipe(recipe)
    assert run.model.builder in BUILDERS
    check_options(run.model.builder, run.model.options)
    assert run.recipe == recipe
    assert run.domain == domain_name
    assert run.source


@pytest.mark.parametrize(("domain_name", "recipe"), RECIPES)
def test_a_run_written_and_read_again_is_the_same_run(domain_name, recipe, tmp_path):
    owner = domain(domain_name)
    run = owner.recipe(recipe).with_(seed=7)
    file = tmp_path / "run.json"
    file.write_text(json.dumps(run.as_json()))
    assert read_run(file, owner) == run


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"schema": 99}, "not a run of this version"),
        ({"fit": {"epoch": 3}}, "lacks or misnames"),
        ({"model": {}}, "lacks or misnames"),
        ({"fit": {"epochs": 0}}, "fit.epochs cannot work"),
    ],
)
def test_a_run_file_that_does_not_fit_is_refused(change, told, tmp_path):
    owner = domain("genomics")
    file = tmp_path / "run.json"
    file.write_text(json.dumps(owner.recipe("").as_json() | change))
    with pytest.raises(BadInput, match=told):
        read_run(file, owner)


@pytest.mark.parametrize("name", list(BUILDERS))
def test_every_builder_is_described_from_its_source(name):
    found = describe_builder(name)
    assert found.summary
    assert found.source
    assert 1 <= len(found.options) <= 7
    for option in found.options:
        assert option.help, f"{name}.{option.name} has no line in the docstring"
        assert type_name(option.type)


def test_options_become_a_dataclass_whose_defaults_are_the_recipe_s():
    kind = options_dataclass("recurrent", {"cell": "gru"})
    fields = {f.name: f for f in dataclasses.fields(kind)}
    assert kind().cell == "gru"
    assert fields["cell"].type.__metadata__[0].help


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"cel": "lstm"}, "did you mean 'cell'"),
        ({"cell": "lstn"}, "one of rnn, lstm, gru"),
        ({"units": 3}, "tuple of int"),
        ({"units": (3, 0.5)}, "tuple of int"),
        ({"dropout": "much"}, "wanted float"),
        ({"bidirectional": 1}, "wanted bool"),
    ],
)
def test_options_that_a_builder_does_not_take_are_refused(options, told):
    with pytest.raises(BadInput, match=told):
        check_options("recurrent", options)


def test_an_unknown_builder_is_refused_with_the_nearest_name():
    with pytest.raises(BadInput, match="did you mean 'resnet'"):
        describe_builder("resent")


def test_flat_names_every_field_that_decides_an_outcome_by_its_flag():
    run = Run("genomics", "x", domain("genomics").data(), Model("mlp", {"units": (3,)}), Fit(epochs=5), seed=3)
    flat = run.flat()
    assert flat["fit.epochs"] == 5
    assert flat["model.units"] == (3,)
    assert flat["data.val_fraction"] == 0.1
    assert flat["seed"] == 3
