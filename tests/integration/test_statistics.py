"""Baselines of other packages: which are worth their time, what stands in where they fail, and that they forecast."""

from importlib.util import find_spec

import numpy as np
import pytest

from pipelines.economics import statistics
from pipelines.economics.baselines import statistical

SEASON = np.tile([30.0, 10.0, 40.0, 15.0], 9)[None].astype("float32")
NAMES = ("sf_dot", "sf_ces", "sf_ets", "sf_arima")


def test_slow_methods_are_for_few_rows():
    assert "ets" in statistics.methods(statistics.FEW)
    assert "ets" not in statistics.methods(statistics.FEW + 1)
    assert not {"ets", "sf_arima", "sf_ets"} & statistics.methods(100_000).keys()


@pytest.mark.skipif(find_spec("statsforecast") is None, reason="the extra `statsforecast` is not installed")
@pytest.mark.parametrize("name", NAMES)
def test_a_method_of_statsforecast_knows_an_exact_season(name):
    method = statistics.methods(1)[name]
    instead = np.zeros((1, 6), "float32")
    found = method(SEASON + np.linspace(0, 0.1, 36), instead, 4)[0]
    np.testing.assert_allclose(found, [30, 10, 40, 15, 30, 10], rtol=0.05)
    assert np.isfinite(method(np.array([[np.nan, np.nan, 3.0]]), instead, 4)).all()


@pytest.mark.skipif(find_spec("statsforecast") is None, reason="the extra `statsforecast` is not installed")
def test_our_dynamic_theta_is_near_that_of_statsforecast():
    random = np.random.default_rng(3)
    history = (100 + random.normal(0.5, 2, size=(7, 47)).cumsum(1)).astype("float32")
    ours = statistical(("dynamic_theta",), history, 5, 1)[:, 0]
    theirs = statistics.methods(7)["sf_dot"](history, ours * 0, 1)
    # constants of a grid, and an initial level by regression, against a search for both
    np.testing.assert_allclose(ours, theirs, rtol=0.02)
