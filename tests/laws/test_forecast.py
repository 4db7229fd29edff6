"""Laws of forecasters: what scaling, constants, the future and time itself may and may not change; formulas by hand."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from arch.forecast.answers import Blend, Intervals, Unit, Unscaled, conformal_offsets
from arch.forecast.covariates import Seasons, Standardised, correction
from arch.forecast.esrnn import SkippingLSTM
from arch.forecast.heads import Distances, normal_quantiles, pinball
from arch.forecast.linear import Trend
from arch.forecast.nbeats import functions
from arch.forecast.nhits import Interpolate
from arch.forecast.scaling import Deseasonalise, ScaledWindow
from arch.forecast.statistical import METHODS, RATES, Statistical
from arch.forecast.transforms import TRANSFORMS, Restored, Transformed

NAN = float("nan")
every_method = pytest.mark.parametrize("method", METHODS)


def histories(rows=5, length=43, period=4, seed=3):
    """Trend, season and noise, the first rows shorter than the others."""
    rng = np.random.default_rng(seed)
    time = np.arange(length)
    values = 50 + 0.7 * time + 9 * np.sin(2 * np.pi * time / period) + rng.normal(size=(rows, length))
    values[0, :17] = NAN
    values[1, :5] = NAN
    return values.astype("float32")


def forecast(method, history, horizon=7, period=4):
    return keras.ops.convert_to_numpy(Statistical((method,), horizon, period)(history))[:, 0]


@every_method
def test_a_scaled_history_scales_its_forecast(method):
    # powers of two change no digit
    np.testing.assert_array_equal(forecast(method, 1024 * histories()), 1024 * forecast(method, histories()))


@every_method
def test_a_constant_series_forecasts_itself(method):
    flat = np.full((2, 23), 37.0, "float32")
    flat[1, :9] = NAN
    # levels are solved for, to some seven digits
    np.testing.assert_allclose(forecast(method, flat), 37.0, rtol=1e-4)


@every_method
def test_nothing_in_front_of_a_history_is_the_same_as_a_shorter_one(method):
    history = histories()
    alone = forecast(method, history[:1, 17:])
    np.testing.assert_allclose(forecast(method, history)[:1], alone, rtol=2e-4)


@every_method
def test_all_zeros_forecast_zero(method):
    np.testing.assert_array_equal(forecast(method, np.zeros((1, 23), "float32")), 0)


def test_the_seasonal_naive_forecast_of_an_exact_season_has_no_error():
    season = np.tile(np.array([3.0, 1.0, 4.0, 1.5]), 9)[None].astype("float32")
    np.testing.assert_array_equal(forecast("seasonal_naive", season, 6)[0], [3.0, 1.0, 4.0, 1.5, 3.0, 1.0])


@pytest.mark.parametrize("method", ["naive2", "theta", "dynamic_theta", "damped_trend"])
def test_methods_that_adjust_for_seasons_know_an_exact_one(method):
    season = np.tile(np.array([30.0, 10.0, 40.0, 15.0]), 9)[None].astype("float32")
    np.testing.assert_allclose(forecast(method, season, 6)[0], [30, 10, 40, 15, 30, 10], rtol=2e-3)


def test_drift_goes_on_along_the_line_from_the_first_value_to_the_last():
    np.testing.assert_allclose(forecast("drift", np.array([[NAN, 2.0, 9.0, 8.0]]), 3, 1)[0], [11, 14, 17], rtol=1e-6)


def test_theta_is_smoothing_with_half_the_slope_by_a_loop_over_a_grid():
    values, horizon = histories(rows=2, period=1)[1, 5:].astype(float), 5
    best = (np.inf, 0.0, 0.0)
    for rate in RATES:
        # errors are linear in the first level: those of level 0 and of level 1 tell the best one
        runs = []
        for level in (0.0, 1.0):
            errors = []
            for value in values:
                errors.append(value - level)
                level += rate * errors[-1]
            runs.append((np.array(errors), level))
        (zero, end), (one, end_one) = runs
        start = zero @ (zero - one) / ((zero - one) @ (zero - one))
        total = np.sum((zero + start * (one - zero)) ** 2)
        best = min(best, (total, end + start * (end_one - end), rate))
    _, level, rate = best
    slope = np.polyfit(np.arange(len(values)), values, 1)[0]
    reached = (1 - (1 - rate) ** len(values)) / rate
    expected = level + slope / 2 * (np.arange(horizon) + reached)
    found = forecast("theta", histories(rows=2, period=1), horizon, 1)[1]
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_a_line_is_known_to_the_dynamic_theta_method():
    line = (5 + 3 * np.arange(31.0))[None].astype("float32")
    # theta is bounded, so that a hundredth of the slope is not seen
    np.testing.assert_allclose(forecast("dynamic_theta", line, 4, 1)[0], 5 + 3 * np.arange(31, 35), rtol=2e-2)


def test_seasons_come_out_by_ratio_of_positive_values_and_by_difference_of_others():
    time = np.arange(36)
    season = np.tile([0.8, 1.2, 1.1, 0.9], 9)
    history = np.stack([season * (100 + time), 10 * (season - 1) + 0.01 * time]).astype("float32")
    flat, factors, shifts = map(np.asarray, Deseasonalise(4, 6)(history))
    # the moving average of a line times a season is not quite that line
    np.testing.assert_allclose(factors[0], [0.8, 1.2, 1.1, 0.9, 0.8, 1.2], rtol=5e-3)
    np.testing.assert_allclose(flat[0], 100 + time, rtol=1e-2)
    np.testing.assert_allclose(shifts[1], [-2, 2, 1, -1, -2, 2], atol=2e-2)
    np.testing.assert_array_equal(factors[1], 1)
    np.testing.assert_array_equal(shifts[0], 0)


def test_noise_keeps_its_values_where_no_season_is_found():
    noise = np.random.default_rng(1).normal(size=(1, 40)).cumsum(1).astype("float32")
    np.testing.assert_array_equal(Deseasonalise(4, 3)(noise)[0], noise)


def test_a_window_is_scaled_by_hand():
    window, by = map(np.asarray, ScaledWindow(4, "change")(np.array([[9.0, NAN, 2.0, 4.0, 7.0]], "float32")[:, 1:]))
    # changes 2 and 3, their mean over the two of them
    np.testing.assert_allclose(by, [[7.0, 2.5]])
    np.testing.assert_allclose(window[0, :, 0], [-2, -2, -1.2, 0], rtol=1e-6)
    np.testing.assert_array_equal(window[0, :, 1], [0, 1, 1, 1])
    np.testing.assert_allclose(window[0, :, 2], np.log(2.5 / (13 / 3)), rtol=1e-6)


def test_a_series_that_does_not_move_has_no_unit_and_so_forecasts_itself():
    window, by = ScaledWindow(4)(np.full((1, 6), 5.0, "float32"))
    wild = np.full((1, 6), 1e3, "float32")
    ones = np.ones((1, 3), "float32")
    np.testing.assert_array_equal(Unscaled(3)([wild, by, ones, 0 * ones]), np.full((1, 2, 3), 5.0))
    assert np.isfinite(np.asarray(window)).all()


@pytest.mark.parametrize("kind", TRANSFORMS)
def test_a_transform_and_its_way_back_meet(kind):
    values = np.abs(histories(rows=2))[:, 20:] + 1
    past, future = values[:, :-5], values[:, -5:]
    whole = np.asarray(Transformed(kind)(values))
    np.testing.assert_allclose(Restored(kind)([whole[:, None, -5:], past])[:, 0], future, rtol=1e-5)


def test_transforms_by_hand():
    values = np.array([[NAN, 2.0, 4.0, 12.0]], "float32")
    wanted = {
        "second_difference": [NAN, NAN, NAN, 6.0],
        "log_second_difference": [NAN, NAN, NAN, np.log(3) - np.log(2)],
        "growth_difference": [NAN, NAN, NAN, 1.0],  # it grew by 100 and then by 200 %
    }
    for kind, found in wanted.items():
        np.testing.assert_allclose(Transformed(kind)(values)[0], found, rtol=1e-6)


def test_each_row_has_the_transform_of_its_code_there_and_back():
    values = np.repeat(np.arange(3.0, 15.0)[None] ** 1.5, 7, axis=0)
    values, codes = values.astype("float32"), np.arange(1, 8)
    values[0] *= -1  # no logarithm, and none is asked for
    whole = np.asarray(Transformed("coded")([values, codes]))
    for row, kind in enumerate(TRANSFORMS):
        # logarithms of many values at once may round otherwise in the last digit
        np.testing.assert_allclose(
            whole[row], np.asarray(Transformed(kind)(values[row : row + 1]))[0], rtol=1e-6, atol=1e-6
        )
    back = Restored("coded")([whole[:, None, -5:], values[:, :-5], codes])
    np.testing.assert_allclose(back[:, 0], values[:, -5:], rtol=1e-5)


def test_a_row_without_a_logarithm_spoils_no_gradient():
    import tensorflow as tf

    forecasts = tf.Variable(np.full((2, 1, 3), 0.5, "float32"))
    history, codes = np.array([[-5.0, -7.0], [5.0, 7.0]], "float32"), np.array([2, 5])
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(Restored("coded")([forecasts, history, codes]))
    assert np.isfinite(tape.gradient(total, forecasts)).all()


def test_groups_are_averaged_within_and_then_among_each_other():
    groups = [np.array([[[1.0], [2.0], [9.0]]]), np.array([[[10.0], [20.0]]])]
    np.testing.assert_allclose(Blend((0.25, 0.75))(groups), [[0.25 * 2 + 0.75 * 15]])
    np.testing.assert_allclose(Blend((0.25, 0.75), "mean")(groups), [[0.25 * 4 + 0.75 * 15]])


def test_quantiles_never_cross_whatever_the_offsets():
    layer = Intervals((0.1, 0.5, 0.9))
    centre, unit = np.array([[5.0, 6.0]], "float32"), np.array([[2.0]], "float32")
    layer([centre, unit])
    layer.offset.assign(np.array([[1.0, 0.0, -1.0], [-1.0, 0.0, 2.0]], "float32"))
    np.testing.assert_array_equal(layer([centre, unit])[0], [[5, 3, 5, 7], [6, 4, 6, 10]])


@pytest.mark.parametrize("shape", ["free", "normal"])
def test_learnt_distances_rise_and_are_zero_at_the_median(shape):
    levels = (0.025, 0.1, 0.5, 0.9, 0.975)
    numbers = np.random.default_rng(1).normal(size=(7, 3 * (5 if shape == "free" else 1))).astype("float32")
    found = np.asarray(Distances(levels, 3, shape)(numbers))
    assert found.shape == (7, 3, 5)
    assert (np.diff(found, axis=-1) > 0).all()
    np.testing.assert_allclose(found[..., 2], 0, atol=1e-6)


def test_normal_quantiles_are_the_tables():
    np.testing.assert_allclose(normal_quantiles((0.025, 0.5, 0.9)), [-1.959964, 0, 1.2815516], atol=1e-6)


def test_the_quantile_loss_by_hand():
    # 4 came, 3 was said at 0.9 and 6 at 0.1: 0.9 * 1 and 0.9 * 2, twice their mean
    loss = pinball(np.array([[4.0]], "float32"), np.array([[[6.0, 3.0]]], "float32"), (0.1, 0.9))
    np.testing.assert_allclose(loss, [2.7], rtol=1e-6)


def test_conformal_offsets_are_order_statistics():
    errors = np.random.default_rng(2).permutation(199) + 1.0
    found = conformal_offsets(np.repeat(errors[:, None, None], 2, axis=2), (0.1, 0.9))
    np.testing.assert_array_equal(found, [[20.0, 180.0]])  # of 200 places


def test_the_unit_of_a_short_history_is_that_of_its_changes():
    history = np.array([[NAN, NAN, 1.0, 3.0, 2.0], [1.0, 2.0, 3.0, 5.0, 8.0]], "float32")
    np.testing.assert_allclose(Unit(3)(history), [[1.5], [5.0]])


def test_a_trend_is_the_mean_of_neighbours_with_ends_repeated():
    np.testing.assert_allclose(Trend(3)(np.array([[3.0, 6.0, 0.0]], "float32")), [[4, 3, 2]], rtol=1e-6)


def test_knots_are_joined_by_lines():
    np.testing.assert_allclose(Interpolate(5)(np.array([[0.0, 4.0]], "float32")), [[0, 1, 2, 3, 4]], atol=1e-6)


def test_bases_are_powers_and_waves():
    np.testing.assert_allclose(functions("trend", 2, 4, False), [[1, 1], [0, 0.25], [0, 0.0625]])
    waves = functions("seasonality", 4, 4, False)
    np.testing.assert_allclose(waves, [[1, 1, 1, 1], [1, 0, -1, 0], [0, 1, 0, -1]], atol=1e-6)
    # the past goes on where the future begins
    np.testing.assert_allclose(functions("seasonality", 4, 4, True), waves, atol=1e-6)


def test_seasons_are_counted_on_and_back():
    found = np.asarray(Seasons(4, 6, -2)(np.array([3, 0])))
    np.testing.assert_array_equal(found.argmax(-1), [[1, 2, 3, 0, 1, 2], [2, 3, 0, 1, 2, 3]])
    np.testing.assert_array_equal(found.sum(-1), 1)


def test_covariates_are_scaled_and_what_is_late_or_missing_is_zero():
    values = np.array([[[1.0, 9.0], [5.0, NAN], [7.0, 8.0]]], "float32")
    found = np.asarray(Standardised((3.0, 5.0), (2.0, 4.0), (1, 0))(values))
    np.testing.assert_array_equal(found, [[[-1, 1], [1, 0], [0, 0.75]]])


def test_a_correction_is_zero_before_it_has_learnt_and_has_something_to_read():
    window, known = keras.Input((5, 3)), {"future": keras.Input((5 + 3, 2)), "static": keras.Input((2,))}
    model = keras.Model([window, *known.values()], correction(window, known, horizon=3))
    random = np.random.default_rng(1)
    given = [random.normal(size=(7, *x.shape[1:])).astype("float32") for x in model.inputs]
    np.testing.assert_array_equal(model(given), np.zeros((7, 3)))
    for wrong in ({}, {"weather": window}):
        with pytest.raises(ValueError, match="correction: covariates must be of past, future, static"):
            correction(window, wrong, horizon=3)


def test_a_state_that_skips_is_that_of_an_lstm_over_every_third_position():
    keras.utils.set_random_seed(1)
    sequences = np.random.default_rng(2).normal(size=(2, 7, 3)).astype("float32")
    skipping, plain = SkippingLSTM(5, 3), keras.layers.LSTM(5)
    found = keras.ops.convert_to_numpy(skipping(sequences))
    plain.build(sequences.shape)
    plain.set_weights(skipping.get_weights())
    padded = np.pad(sequences, ((0, 0), (2, 0), (0, 0)))
    for position in range(7):
        before = padded[:, (position + 2) % 3 : position + 3 : 3]
        # sums of products in another order
        np.testing.assert_allclose(found[:, position], keras.ops.convert_to_numpy(plain(before)), rtol=1e-5, atol=1e-6)
