"""Schedules and optimizers of a Fit: where rates begin and end, and what Muon does to kernels that are no matrices."""

import keras
import numpy as np
import pytest

from pipelines.muon import Muon
from pipelines.optimizers import make_optimizer
from pipelines.run import Fit
from pipelines.schedules import SCHEDULES


def rates(name, steps=100, warmup=30):
    schedule = SCHEDULES[name](2.0, steps, warmup)
    return np.array([float(schedule(step)) for step in range(steps + 1)])


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_rises_to_its_peak_and_falls_to_nothing(name):
    found = rates(name)
    assert found.argmax() in (29, 30)
    assert found.max() == pytest.approx(2.0)
    assert (np.diff(found[:30]) > 0).all()
    assert (np.diff(found[30:]) < 0).all()
    assert 0 < found[0] < 0.2
    assert found[-1] == pytest.approx(0.0, abs=1e-4)


def test_schedules_by_hand():
    assert rates("linear")[[0, 65, 100]] == pytest.approx([2 / 30, 1.0, 0.0])  # half way down at 30 + 70 / 2
    assert rates("cosine")[65] == pytest.approx(1.0)
    assert rates("one_cycle", warmup=0)[[0, 100]] == pytest.approx([2.0, 2.0 / 25e4])
    assert rates("one_cycle")[14] == pytest.approx((2.0 + 2.0 / 25) / 2)  # step 14 ends half of the rise


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_fit_names_its_schedule_and_the_schedule_survives_being_written(name):
    optimizer = make_optimizer(Fit(schedule=name, learning_rate=0.5, warmup=0.2), steps=50)
    again = type(optimizer).from_config(optimizer.get_config())
    schedule = again._learning_rate
    assert isinstance(schedule, SCHEDULES[name])
    assert (schedule.peak, schedule.steps, schedule.warmup) == (0.5, 50, 10)


def stepped(optimizer, value, gradient, name="kernel"):
    variable = keras.Variable(value, name=name)
    optimizer.build([variable])
    optimizer.apply([keras.ops.convert_to_tensor(gradient)], [variable])
    return np.asarray(value - variable)


@pytest.mark.parametrize("shape", [(13, 5), (3, 7, 5), (3, 3, 2, 11), (2, 2, 2, 3, 5)])
def test_a_kernel_of_any_rank_steps_in_directions_of_equal_length(shape):
    random = np.random.default_rng(1)
    gradient = random.normal(size=shape).astype("float32")
    step = stepped(Muon(1.0, rms_rate=None), np.zeros(shape, "float32"), gradient).reshape(-1, shape[-1])
    lengths = np.linalg.svd(step, compute_uv=False)
    assert lengths.min() > 0.5  # five steps of Newton and Schulz bring every singular value near 1
    assert lengths.max() < 1.4
    # and the directions are those of the gradient
    left, _, right = np.linalg.svd(gradient.reshape(-1, shape[-1]), full_matrices=False)
    cosine = np.sum((left @ right) * step) / np.linalg.norm(left @ right) / np.linalg.norm(step)
    assert cosine > 0.95


def test_the_step_has_the_size_of_the_matrix():
    gradient = np.random.default_rng(1).normal(size=(3, 3, 2, 11)).astype("float32")
    plain, scaled = (stepped(Muon(1.0, rms_rate=rate), np.zeros_like(gradient), gradient) for rate in (None, 0.2))
    np.testing.assert_allclose(scaled, plain * 0.2 * 18**0.5, rtol=1e-5)  # 3 * 3 * 2 rows against 11 columns


@pytest.mark.parametrize(
    ("shape", "name"), [((5,), "gamma"), ((2, 15), "bias"), ((3, 3, 7, 1), "kernel"), ((7, 5), "embeddings")]
)
def test_what_is_no_matrix_takes_adam(shape, name):
    gradient = np.random.default_rng(1).normal(size=shape).astype("float32")
    found = stepped(Muon(0.1), np.ones(shape, "float32"), gradient, name)
    np.testing.assert_allclose(found, 0.1 * np.sign(gradient), rtol=1e-3)  # the first step of Adam


def test_heads_take_adam_and_the_trunk_does_not():
    inputs = keras.Input((5,))
    model = keras.Model(inputs, keras.layers.Dense(3, name="logits")(keras.layers.Dense(7, name="hidden")(inputs)))
    optimizer = make_optimizer(Fit(optimizer="muon"), steps=10)
    hidden, _, logits, _ = model.trainable_variables
    assert not optimizer._should_use_adamw(hidden)
    assert optimizer._should_use_adamw(logits)


def test_weight_decay_of_muon_is_the_fits_for_every_weight():
    assert make_optimizer(Fit(optimizer="muon"), steps=10).adam_weight_decay == 0.0
    assert make_optimizer(Fit(optimizer="muon", weight_decay=0.1), steps=10).adam_weight_decay == 0.1
