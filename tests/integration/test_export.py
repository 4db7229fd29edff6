"""The SavedModel stands alone, answers as the model does, refuses what it cannot take, and is written whole or not."""

import json
import os
from hashlib import sha256

import numpy as np
import pytest
import tensorflow as tf

from .conftest import files_below, python

ALONE = """
import json, sys
import tensorflow as tf
sequences, folder = json.loads(sys.stdin.read())
served = tf.saved_model.load(folder).signatures["serving_default"]
answers = served(sequence=tf.constant(sequences))
print(json.dumps({
    "label": [label.decode() for label in answers["label"].numpy()],
    "probabilities": answers["probabilities"].numpy().tolist(),
    "ours": sorted(m for m in sys.modules if m.split(".")[0] in ("arch", "data", "pipelines", "mlflow")),
}))
"""


@pytest.fixture(scope="module")
def served(trained):
    loaded = tf.saved_model.load(str(trained.export))
    function = loaded.signatures["serving_default"]
    return lambda *sequences: {k: v.numpy() for k, v in function(sequence=tf.constant(sequences)).items()}, loaded


@pytest.fixture
def ask(served):
    return served[0]


def test_it_loads_with_tensorflow_alone_and_equals_the_keras_model_on_real_rows(trained, splice, tmp_path):
    import keras

    from data.sequences import encode

    sequences = [sequence for sequence, _ in splice[::31]]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = python("-I", "-c", ALONE, cwd=tmp_path, env=environment, input=json.dumps([sequences, str(trained.export)]))
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["ours"] == []
    model = keras.saving.load_model(trained.export / "model.keras", compile=False)
    logits = model({"sequence": np.array(encode(sequences)[np.arange(len(sequences))])}, training=False)
    expected = keras.ops.convert_to_numpy(keras.ops.softmax(logits))
    np.testing.assert_allclose(answer["probabilities"], expected, atol=1e-5)  # float32, operations in another order
    assert answer["label"] == [trained.classes[i] for i in expected.argmax(1)]


def test_outputs_are_named_and_probabilities_add_up_to_one(ask, splice, trained):
    answers = ask(*(sequence for sequence, _ in splice[:5]))
    assert set(answers) == {"label", "probabilities"}
    assert answers["probabilities"].shape == (5, len(trained.classes))
    np.testing.assert_allclose(answers["probabilities"].sum(1), 1, atol=1e-6)


def test_lower_case_and_rna_mean_what_upper_case_dna_means(ask, splice):
    sequence = splice[0][0]
    upper, lower, rna = ask(sequence, sequence.lower(), sequence.replace("T", "U"))["probabilities"]
    np.testing.assert_array_equal(upper, lower)
    np.testing.assert_array_equal(upper, rna)


@pytest.mark.parametrize("letter", "NRYSWKMBDHVn")
def test_letters_for_several_bases_mean_in_the_graph_what_they_mean_outside(ask, splice, trained, letter):
    import keras

    from data.sequences import encode

    sequence = letter * 3 + splice[0][0][3:]
    model = keras.saving.load_model(trained.export / "model.keras", compile=False)
    logits = model({"sequence": np.array(encode([sequence])[np.arange(1)])}, training=False)
    np.testing.assert_allclose(
        ask(sequence)["probabilities"], keras.ops.convert_to_numpy(keras.ops.softmax(logits)), atol=1e-5
    )


@pytest.mark.parametrize("letter", ["!", "-", "*", " ", "0", "E", "\0", "é"])
def test_an_unknown_letter_is_refused_with_its_row_and_position(ask, splice, letter):
    good = splice[0][0]
    bad = (good[:16] + letter + good[17:]).encode()[:60]
    with pytest.raises(tf.errors.InvalidArgumentError, match="row 2, position 17: unknown letter"):
        ask(good, bad)


@pytest.mark.parametrize("length", [0, 1, 59, 61, 1000])
def test_another_length_than_the_model_s_is_refused_with_its_row(ask, splice, length):
    good = splice[0][0]
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"row 3: sequence length must be 60 bases, got {length}"):
        ask(good, good, "A" * length)


def test_a_row_is_answered_the_same_alone_and_among_others(ask, splice):
    together = ask(*(sequence for sequence, _ in splice[:7]))["probabilities"]
    alone = [ask(sequence)["probabilities"][0] for sequence, _ in splice[:7]]
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_metadata_holds_every_file_s_digest_and_what_a_user_must_know(trained):
    metadata = json.loads((trained.export / "metadata.json").read_text())
    listed = {name: sha256((trained.export / name).read_bytes()).hexdigest() for name in metadata["files"]}
    assert metadata["files"] == listed
    assert set(files_below(trained.export)) == {*listed, "metadata.json"}
    assert (metadata["name"], metadata["version"]) == (trained.export.parent.name, trained.export.name)
    assert metadata["classes"] == ["EI", "IE", "N"]
    assert metadata["scores"] == trained.result["scores"]
    assert metadata["run"]["fit"]["batch_size"] == trained.run.fit.batch_size
    assert metadata["parity"]["largest_difference"] <= 1e-4
    assert metadata["requirements"][0].startswith("tensorflow-cpu==")


def test_the_example_in_the_metadata_is_answered_as_it_says(ask, trained):
    example = json.loads((trained.export / "metadata.json").read_text())["example"]
    answers = ask(*example["inputs"]["sequence"])
    assert [label.decode() for label in answers["label"]] == example["outputs"]["label"]
    np.testing.assert_allclose(answers["probabilities"], example["outputs"]["probabilities"], atol=1e-6)


# --- whole or not at all


@pytest.fixture
def ingredients(trained):
    """What `export` takes, for the model that is already trained."""
    import keras

    from data.genomics import load
    from pipelines.domain import domain

    splits = load(trained.run.data, trained.run.seed)
    model = keras.saving.load_model(trained.export / "model.keras", compile=False)
    return model, domain("genomics").task, splits.meta, splits.test


@pytest.mark.parametrize("step", ["_save", "_serve", "_difference", "write_json", "sha256"])
def test_an_export_that_fails_leaves_nothing(ingredients, tmp_path, monkeypatch, step):
    from pipelines import export

    real = getattr(export, step)

    def fails(*arguments):
        if step in ("_save", "write_json"):
            real(*arguments)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export, step, fails)
    with pytest.raises(OSError, match="No space left"):
        export.export(*ingredients, tmp_path, "toy", {})
    assert files_below(tmp_path) == []


def test_a_saved_model_that_answers_otherwise_than_the_model_is_not_exported(ingredients, tmp_path, monkeypatch):
    from pipelines import export

    real = export._serve

    def drifted(folder, raw):
        answers = real(folder, raw)
        return {**answers, "probabilities": answers["probabilities"] + 2e-4}

    monkeypatch.setattr(export, "_serve", drifted)
    with pytest.raises(RuntimeError, match="differs from the model by 2\\.0"):
        export.export(*ingredients, tmp_path, "toy", {})
    assert files_below(tmp_path) == []


def test_a_model_that_has_diverged_is_not_exported(ingredients, tmp_path):
    from pipelines import export

    model, *rest = ingredients
    kept = model.get_weights()
    model.set_weights([np.full_like(weight, np.nan) for weight in kept])
    with pytest.raises(RuntimeError, match="the training has diverged"):
        export.export(model, *rest, tmp_path, "toy", {})
    assert files_below(tmp_path) == []
