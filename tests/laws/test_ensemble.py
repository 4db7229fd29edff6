"""Ensembles: the mean of their members, and nothing else."""

import keras
import numpy as np
import pytest

from arch.ensemble import Mixture, ensemble

LOGITS = np.random.default_rng(3).normal(0, 3, (3, 7, 5)).astype("float32")


def softmax(logits):
    grown = np.exp(logits - logits.max(-1, keepdims=True))
    return grown / grown.sum(-1, keepdims=True)


def member(name, seed=0, width=3):
    inputs = keras.Input((width,), name="row")
    outputs = keras.layers.Dense(5, kernel_initializer=keras.initializers.RandomNormal(seed=seed))(inputs)
    return keras.Model({"row": inputs}, outputs, name=name)


def test_the_probabilities_are_the_weighted_mean_of_the_members():
    shares = (0.5, 0.2, 0.3)
    mixed = keras.ops.convert_to_numpy(Mixture(shares)(list(LOGITS)))
    wanted = np.tensordot(shares, softmax(LOGITS), 1)
    np.testing.assert_allclose(softmax(mixed), wanted, rtol=1e-5)
    np.testing.assert_allclose(np.exp(mixed).sum(-1), 1.0, rtol=1e-5)  # logarithms of probabilities already


def test_values_are_averaged_as_they_are():
    mixed = keras.ops.convert_to_numpy(Mixture((0.25, 0.0, 0.75), "values")(list(LOGITS)))
    np.testing.assert_allclose(mixed, 0.25 * LOGITS[0] + 0.75 * LOGITS[2], rtol=1e-5, atol=1e-6)


def test_an_ensemble_of_one_is_its_member():
    one, rows = member("one"), np.random.default_rng(5).normal(size=(11, 3)).astype("float32")
    together = ensemble([one], [1.0])
    outputs = [softmax(keras.ops.convert_to_numpy(model({"row": rows}))) for model in (one, together)]
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=1e-5)


def test_the_order_of_the_members_does_not_matter():
    mixed = [Mixture((0.7, 0.3))([LOGITS[i], LOGITS[1 - i]]) for i in (0, 1)]
    flipped = Mixture((0.3, 0.7))([LOGITS[1], LOGITS[0]])
    np.testing.assert_allclose(mixed[0], flipped, rtol=1e-5)
    assert np.abs(mixed[0] - mixed[1]).max() > 0.1


def test_probabilities_too_small_for_a_float_leave_no_infinity():
    mixed = Mixture((0.5, 0.5))([np.array([[0.0, -500.0]], "float32")] * 2)
    np.testing.assert_allclose(mixed, [[0.0, -500.0]], rtol=1e-5)


@pytest.mark.parametrize("shares", [(), (0.5, 0.6), (1.5, -0.5)])
def test_shares_that_are_none_are_refused(shares):
    with pytest.raises(ValueError, match="Mixture: shares must be 0 or more and sum to 1, got"):
        Mixture(shares)


def test_members_of_other_inputs_are_refused():
    with pytest.raises(ValueError, match="ensemble: inputs of all members must be those of one, got two"):
        ensemble([member("one"), member("two", width=7)], [0.5, 0.5])


def test_it_is_saved_without_what_its_members_were_trained_with(tmp_path):
    class Own(keras.optimizers.SGD):
        """One that nobody who opens the file knows."""

    members = [member("one"), member("two", 1)]
    for one in members:
        one.compile(Own())
    together = ensemble(members, [0.5, 0.5])
    together.save(tmp_path / "both.keras")
    loaded = keras.saving.load_model(tmp_path / "both.keras", compile=False)
    rows = {"row": np.ones((2, 3), "float32")}
    np.testing.assert_array_equal(loaded(rows), together(rows))


def test_it_can_be_saved_and_loaded(tmp_path):
    together = ensemble([member("one"), member("two", 1)], [0.25, 0.75])
    together.save(tmp_path / "both.keras")
    loaded, rows = keras.saving.load_model(tmp_path / "both.keras"), {"row": np.ones((2, 3), "float32")}
    np.testing.assert_array_equal(loaded(rows), together(rows))
