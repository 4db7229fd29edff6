"""Laws of reconciliation: what adds up, what is left alone, weights by hand, tables that are refused."""

from __future__ import annotations

import numpy as np
import pytest

from data.errors import BadInput
from pipelines.economics.hierarchy import Sums, reconciled, shrunk, summing

PAIR = Sums(np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]), np.array([1, 2]))  # a total of two
APART = np.array([[10.0], [3.0], [5.0]])  # by 2
IDS = ("all", "north", "a", "b", "south")
ROWS = ("all,north", "all,south", "north,a", "north,b")
METHODS = ("bottom_up", "ols", "structural", "mint")
ERRORS = np.random.default_rng(1).normal(size=(7, 5)) * [5, 3, 2, 2, 1]


def table(folder, rows):
    path = folder / "sums.csv"
    path.write_text("\n".join(["parent,child", *rows, ""]))
    return str(path)


@pytest.mark.parametrize(
    ("method", "wanted"),
    [
        ("bottom_up", [8, 3, 5]),
        ("ols", [10 - 2 / 3, 3 + 2 / 3, 5 + 2 / 3]),  # what is apart is dealt out in thirds
        ("structural", [9, 3.5, 5.5]),  # half of it to the total, which counts two leaves
    ],
)
def test_forecasts_of_a_total_of_two_by_hand(method, wanted):
    np.testing.assert_allclose(reconciled(APART, PAIR, method)[:, 0], wanted)


def test_mint_believes_the_series_with_small_errors():
    errors = np.random.default_rng(2).normal(size=(5003, 3)) * [10.0, 0.01, 0.01]
    np.testing.assert_allclose(reconciled(APART, PAIR, "mint", errors)[:, 0], [8, 3, 5], atol=1e-4)
    errors = errors[:, ::-1] * [1, 1, 1]  # the total and a are sure: b is what is left
    np.testing.assert_allclose(reconciled(APART, PAIR, "mint", errors)[:, 0], [10, 3, 7], atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_forecasts_add_up_and_those_that_did_stay(method, tmp_path):
    sums = summing(table(tmp_path, ROWS), IDS)
    found = reconciled(np.random.default_rng(3).normal(size=(5, 3)), sums, method, ERRORS)
    np.testing.assert_allclose(found, sums.matrix @ found[sums.leaves], atol=1e-12)
    np.testing.assert_allclose(reconciled(found, sums, method, ERRORS), found, atol=1e-12)


def test_a_table_of_sums_is_read_through_all_its_levels(tmp_path):
    sums = summing(table(tmp_path, ROWS), IDS)
    np.testing.assert_array_equal(sums.leaves, [2, 3, 4])
    np.testing.assert_array_equal(sums.matrix, [[1, 1, 1], [1, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])


def test_a_shrunk_covariance_keeps_variances_and_can_be_inverted_with_few_errors():
    found = shrunk(ERRORS[:3])
    np.testing.assert_allclose(np.diagonal(found), (ERRORS[:3] ** 2).mean(0))
    assert np.linalg.eigvalsh(found).min() > 0
    together = np.repeat(np.random.default_rng(4).normal(size=(4001, 1)), 2, axis=1)
    np.testing.assert_allclose(shrunk(together), np.full((2, 2), (together[:, 0] ** 2).mean()), rtol=2e-3)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (("all,west", *ROWS), "sums.csv:2: a sum of what is not forecast; wanted a series of the file, got west"),
        (ROWS[1:], "a series that is in no sum|a sum"),
        ((*ROWS, "a,all"), "a series that is part of itself"),
    ],
)
def test_sums_that_cannot_be_are_refused(rows, said, tmp_path):
    ids = IDS if "a,all" in rows or "all,west" in rows else (*IDS, "west")
    with pytest.raises(BadInput, match=said):
        summing(table(tmp_path, rows), ids)
