"""`python -m pipelines list` and `describe`: what an architecture costs, told from its shapes."""

import json

import pytest

from data.errors import BadInput
from pipelines.__main__ import describe, list_all


def described(*arguments):
    return describe([*arguments, "--json"], "python -m pipelines describe")


def test_a_dense_network_is_counted_as_by_hand():
    answer = described("mlp", "--input", "7", "--model.widths", "5", "3", "--classes", "2")
    assert answer["parameters"] == (7 + 1) * 5 + (5 + 1) * 3 + (3 + 1) * 2
    assert answer["multiply_adds"] == 7 * 5 + 5 * 3 + 3 * 2
    assert answer["parameters_total"] == answer["parameters"]
    assert {"parameters", "parameters_total", "multiply_adds", "activation_bytes", "layers"} <= set(answer)
    json.dumps(answer)


def test_a_variant_brings_its_own_shape_and_agrees_with_what_was_published():
    answer = described("resnet50")
    assert answer["input"] == (224, 224, 3)
    assert answer["parameters"] == 25_557_032  # He et al. 2016 as every implementation counts it


def test_it_prints_a_table_with_its_totals(capsys):
    assert describe(["cnn", "--input", "60", "4"], "describe") is None
    told = capsys.readouterr().out
    assert "parameters" in told
    assert "MiB of activations for a batch of 1" in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["resnet5"], "did you mean 'resnet50'?"),
        ([], "got nothing"),
        (["cnn"], "no input shape"),
        (["cnn", "--input", "60", "4", "--model.depth", "0"], "the architecture refuses"),
        (["cnn", "--input", "60", "4", "--model.depht", "2"], "--model.depth"),
    ],
)
def test_what_cannot_be_described_is_refused(arguments, told):
    with pytest.raises(BadInput) as refused:
        describe(arguments, "describe")
    assert told in str(refused.value)


def test_list_shows_domains_architectures_and_variants(capsys):
    assert list_all([], "list") is None
    told = capsys.readouterr().out
    for word in ("genomics:", "wide_deep", "architectures", "variants", "resnet50"):
        assert word in told
