"""`python -m pipelines list`, `describe` and `gallery`: what architectures cost and keep, told from their shapes."""

import json
import re

import pytest

from arch import BUILDERS
from arch.variants import VARIANTS
from data.errors import BadInput
from pipelines.__main__ import describe, gallery, list_all
from pipelines.describe.text import scaled
from pipelines.gallery import FAMILIES, Family, lines


def described(*arguments):
    return describe([*arguments, "--json"], "python -m pipelines describe")


def printed(capsys, *arguments):
    assert describe(list(arguments), "python -m pipelines describe") is None
    return capsys.readouterr().out


def test_a_dense_network_is_counted_as_by_hand():
    answer = described("mlp", "--input", "7", "--model.widths", "5", "3", "--classes", "2")
    assert answer["parameters"] == (7 + 1) * 5 + (5 + 1) * 3 + (3 + 1) * 2
    assert answer["multiply_adds"] == 7 * 5 + 5 * 3 + 3 * 2
    assert answer["flops"] == 2 * answer["multiply_adds"]
    assert (answer["frozen"], answer["buffers"]) == (0, 0)
    assert answer["parameters_total"] == answer["parameters"]
    assert {"parameters", "parameters_total", "multiply_adds", "activation_bytes", "layers"} <= set(answer)
    json.dumps(answer)


def test_a_variant_brings_its_own_shape_and_agrees_with_what_was_published():
    answer = described("resnet50")
    assert answer["input"] == (224, 224, 3)
    assert answer["parameters"] == 25_557_032  # He et al. 2016 as every implementation counts it
    assert answer["published"]["parameters"] == {"published": 25_557_032, "equal": True}
    assert answer["receptive_field"] == (427, 427)


@pytest.mark.parametrize("changes", [("--input", "64", "64", "3"), ("--classes", "7"), ("--model.width", "32")])
def test_published_figures_fall_away_where_anything_is_changed(changes):
    assert described("resnet18", *changes)["published"] == {}


def test_memory_is_told_for_the_batch_with_and_without_checkpointing_and_half_precision():
    one, eight = (described("cifar_resnet20", "--batch-size", size)["memory"] for size in ("1", "8"))
    assert eight["float32"]["activations"] == 8 * one["float32"]["activations"]
    assert eight["float32"]["weights"] == one["float32"]["weights"] == 4 * (269_722 + 1_376)  # and moving averages
    assert eight["float32"]["optimizer"] == 2 * 4 * 269_722  # AdamW
    assert eight["float32_checkpointed"]["peak"] < eight["float32"]["peak"]
    assert eight["mixed_checkpointed"]["peak"] < eight["mixed"]["peak"] < eight["float32"]["peak"]
    assert eight["float32"]["largest_batch"] > 8


def test_a_network_of_any_depth_and_size_is_described_without_its_weights():
    deep, large = described("cifar_resnet1202"), described("efficientnet_b7")
    assert len(deep["layers"]) > 4_000
    assert large["input"] == (600, 600, 3)
    assert large["memory"]["float32"]["activations"] > 100e9  # 32 examples: no such thing was made


def test_it_prints_blocks_and_what_they_come_to(capsys):
    told = printed(capsys, "resnet18")
    assert re.search(r"^stage1_block0 +28 x 28 x 128 +230,144 +179\.8 M", told, re.M)
    assert re.search(r"^total +1000 +11,689,512 +1\.814 G", told, re.M)
    assert "11,689,512 parameters: equal" in told
    assert "435 x 435 positions of 224 x 224, the whole input" in told
    assert "largest batch in" in told
    assert "stage1_block0_conv1" not in told


def test_it_prints_layers_where_asked(capsys):
    told = printed(capsys, "cnn", "--input", "60", "4", "--layers")
    assert re.search(r"^block0_conv1 +60 x 64 +768 +46\.08 k", told, re.M)


def test_the_tables_fit_a_terminal_of_eighty_columns(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    for arguments in (["efficientnet_b0"], ["resnet50", "vit_b16"]):
        told = printed(capsys, *arguments)
        table = [line for line in told.splitlines() if re.match(r"(stage|block|total|peak|multiply)", line)]
        assert table
        assert max(map(len, table)) <= 80


def test_two_architectures_stand_side_by_side(capsys):
    told = printed(capsys, "resnet18", "mobilenet_v1")
    assert re.search(r"^trainable parameters +11,689,512 +4,231,976 +0\.362", told, re.M)
    both = described("resnet18", "mobilenet_v1")["architectures"]
    assert [answer["name"] for answer in both] == ["resnet18", "mobilenet_v1"]
    assert all(answer["published"]["multiply_adds"]["equal"] for answer in both)


def test_laws_are_measured_where_asked(capsys):
    arguments = (
        "group_cnn",
        "--input",
        "16",
        "16",
        "1",
        "--model.widths",
        "3",
        "5",
        "--model.pool-after",
        "1",
        "--laws",
    )
    laws = {row["law"]: row["number"] for row in described(*arguments)["laws"]["rows"]}
    assert laws["quarter turn: outputs"] <= 1e-5
    assert laws["mirror image: outputs"] <= 1e-5
    assert laws["order of places: outputs"] > 0.01
    assert laws["receptive field, measured"] == 8
    assert "nothing changes" in printed(capsys, *arguments)


@pytest.mark.parametrize("name", ["gcn_cora", "tensor_field"])
def test_points_and_graphs_are_described_too(name):
    shape = ("--input", "20", "5") if name == "tensor_field" else ()
    answer = described(name, *shape)
    assert answer["parameters"] > 1_000
    assert answer["uncounted"] == ()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["resnet5"], "did you mean 'resnet50'?"),
        ([], "got nothing"),
        (["resnet50", "vit_b61"], "did you mean 'vit_b16'?"),
        (["resnet50", "vit_b16", "vgg16"], "too many names"),
        (["resnet50", "vit_b16", "--model.width", "3"], "--model.width"),
        (["cnn"], "no input shape"),
        (["cnn", "--input", "60", "4", "--model.depth", "0"], "the architecture refuses"),
        (["cnn", "--input", "60", "4", "--model.depht", "2"], "--model.depth"),
        (["group_cnn", "--input", "9", "9", "1", "--model.kernel-size", "3", "5"], "must be square, got (3, 5)"),
        (["gcn_cora", "--laws"], "a builder that takes one tensor"),
    ],
)
def test_what_cannot_be_described_is_refused(arguments, told):
    with pytest.raises(BadInput) as refused:
        describe(arguments, "describe")
    assert told in str(refused.value)


def test_counts_are_spoken_with_four_digits():
    assert [scaled(count) for count in (7, 1234, 4_089_184_256)] == ["7", "1.234 k", "4.089 G"]


def test_list_shows_domains_architectures_and_variants(capsys):
    assert list_all([], "list") is None
    told = capsys.readouterr().out
    for word in ("genomics:", "wide_deep", "architectures", "variants", "resnet50"):
        assert word in told


def test_every_builder_hangs_in_the_gallery_once():
    hung = [name for family in FAMILIES for name in family.builders]
    assert sorted(hung) == sorted(BUILDERS)
    assert all(family.assumption.endswith(".") and family.equation for family in FAMILIES)


def test_a_family_shows_its_figures_beside_the_published_ones():
    page = "\n".join(lines([Family("Classic", "Locality.", "y = w x", ("alexnet",))]))
    assert "    y = w x" in page
    assert "**`alexnet`**" in page
    assert "Source: Krizhevsky" in page
    row = next(line for line in page.splitlines() if line.startswith("| `alexnet`"))
    assert row.startswith("| `alexnet` | 224 x 224 x 3 | 61,100,840 | = 61,100,840 | 714,188,480 | = 714,188,480 |")


def test_the_gallery_names_every_variant(tmp_path, monkeypatch):
    monkeypatch.setattr("pipelines.gallery._row", lambda name, variant: f"| `{name}` |")
    assert gallery(["--out", str(tmp_path / "new"), "--json"], "gallery")["families"] == len(FAMILIES)
    page = (tmp_path / "new" / "gallery.md").read_text()
    assert all(f"| `{name}` |" in page for name in VARIANTS)
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot write the gallery"):
        gallery(["--out", str(tmp_path / "file")], "gallery")
