"""Laws of series as data: official splits, time that never runs back, published baselines, errors that name a place."""

from __future__ import annotations

import numpy as np
import pytest

from data.economics import EconomicsData, folds, load
from data.economics_dates import days_of
from data.economics_files import from_file
from data.economics_frequencies import FREQUENCIES, date, frequency, periods
from data.economics_vintages import check_not_before
from data.economics_windows import Windows, drawn, seasonal_errors
from data.errors import BadInput
from pipelines.economics.baselines import statistical
from pipelines.economics.scores import mase, smape

MONTHS = [f"{2000 + i // 12}-{i % 12 + 1:02}" for i in range(61)]


def long_file(folder, rows, name="series.csv"):
    path = folder / name
    path.write_text("unique_id,ds,y\n" + "".join(f"{u},{d},{y}\n" for u, d, y in rows))
    return str(path)


def months(unique_id="a", values=None):
    values = values if values is not None else [100 + i % 7 + i for i in range(61)]
    return [(unique_id, month, value) for month, value in zip(MONTHS, values, strict=True)]


def refused(folder, rows, **options):
    with pytest.raises(BadInput) as told:
        load(EconomicsData(path=long_file(folder, rows), **{"horizon": 5, **options}), 0)
    return str(told.value)


@pytest.mark.parametrize(("kind", "published"), [("yearly", 3.1717), ("quarterly", 1.4253), ("monthly", 1.1461)])
def test_the_seasonal_naive_forecast_of_m3_has_its_published_mase(kind, published):
    splits = load(EconomicsData(frequency=kind), 0)
    batch, period = splits.test.batch(np.arange(splits.test.size)), splits.meta["period"]
    places = -period + np.arange(splits.meta["horizon"]) % period
    found = mase(batch["history"][:, places], batch["target"], batch["scale"].astype(float))
    assert round(found, 4) == published


def test_theta_reproduces_its_published_error_over_all_of_m3():
    points, total = 0, 0.0
    for kind in ("yearly", "quarterly", "monthly", "other"):
        splits = load(EconomicsData(frequency=kind), 0)
        batch = splits.test.batch(np.arange(splits.test.size))
        forecasts = statistical(("theta",), batch["history"], splits.meta["horizon"], splits.meta["period"])[:, 0]
        total += smape(forecasts.astype(float), batch["target"].astype(float)) * forecasts.size
        points += forecasts.size
    assert points == 37_014
    assert abs(total / points - 13.01) < 0.1


@pytest.mark.parametrize(("name", "kind", "series"), [("m1", "quarterly", 203), ("m1", "monthly", 617)])
def test_series_too_short_for_validation_are_tested_all_the_same(name, kind, series):
    splits = load(EconomicsData(name=name, frequency=kind, constant="keep", draws=1), 0)
    panel, horizon, least = splits.test.around.panel, splits.meta["horizon"], splits.meta["period"] + 1
    long = np.flatnonzero(panel.lengths >= 2 * horizon + least)
    assert 0 < len(long) < series
    np.testing.assert_array_equal(splits.val["series"], long)
    np.testing.assert_array_equal(splits.test["series"], np.arange(series))
    np.testing.assert_array_equal(np.setdiff1d(splits.train["series"], long), [])


@pytest.mark.parametrize("share", [1.0, 0.3])
def test_training_comes_before_validation_and_that_before_test(share):
    splits = load(EconomicsData(frequency="yearly", val_share=share, draws=3), 7)
    horizon, drawing = splits.meta["horizon"], splits.train.around
    lengths = drawing.panel.lengths
    np.testing.assert_array_equal(splits.test["origin"], lengths[splits.test["series"]] - horizon)
    last_learnt = drawing.last[splits.val["series"]] + horizon  # the value behind the last that is learnt from
    assert (last_learnt <= splits.val["origin"]).all()
    assert (splits.val["origin"] + horizon <= lengths[splits.val["series"]] - horizon).all()
    assert (drawing.last + horizon <= lengths - horizon).all()
    assert splits.val.size == round(share * 645)


def test_a_perturbed_future_changes_no_bit_of_a_history(tmp_path):
    values = np.array([100.0 + i % 7 + i for i in range(61)])
    other = values.copy()
    other[-5:] *= 3
    batches = []
    for number, kept in enumerate((values, other)):
        splits = load(EconomicsData(path=long_file(tmp_path, months(values=kept), f"{number}.csv"), horizon=5), 0)
        batches.append(splits.test.batch(np.arange(1)))
    for name in ("history", "scale"):
        np.testing.assert_array_equal(batches[0][name], batches[1][name])
    assert not np.array_equal(batches[0]["target"], batches[1]["target"])


def test_windows_are_gathered_by_hand(tmp_path):
    panel, _ = from_file(long_file(tmp_path, [("a", year, year - 1990) for year in range(2001, 2008)]), "")
    made = Windows(panel, 4, 2)({"series": np.array([0, 0]), "origin": np.array([3, 5])}, 0, -1)
    np.testing.assert_array_equal(made["history"], [[np.nan, 11, 12, 13], [12, 13, 14, 15]])
    np.testing.assert_array_equal(made["target"], [[14, 15], [16, 17]])
    np.testing.assert_array_equal(made["scale"], [1, 1])
    np.testing.assert_array_equal(seasonal_errors(panel), [0, 0, 1, 2, 3, 4, 5, 6])


def test_drawn_windows_depend_on_seed_and_epoch_alone_and_reach_everything():
    splits = load(EconomicsData(frequency="yearly", draws=2), 0)
    rows = np.arange(0, splits.train.size, 5)
    one, same, later = (splits.train.batch(rows, 3, epoch)["target"] for epoch in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, later)
    places = drawn(np.zeros(7919, np.int64), np.arange(7919), 1, 2, np.full(7919, 13))
    counts = np.bincount(places, minlength=13)
    assert len(counts) == 13
    assert counts.min() > 500  # of 609 expected, with a deviation of 24


def test_folds_are_rolling_origins():
    options = EconomicsData(frequency="other", draws=1)
    newest, earlier = folds(options, 2, seed=0)
    assert (newest.test["origin"] - earlier.test["origin"] == 8).all()


@pytest.mark.parametrize(
    ("text", "name"),
    [("M", "monthly"), ("ME", "monthly"), ("ms", "monthly"), ("12", "monthly"), ("QE-DEC", "quarterly"),
     ("QS", "quarterly"), ("YE", "yearly"), ("A", "yearly"), ("1", "yearly"), ("W-SUN", "weekly"),
     ("hourly", "hourly")],
)  # fmt: skip
def test_a_frequency_has_many_names(text, name):
    assert frequency(text).name == name


@pytest.mark.parametrize(
    ("kind", "written", "following"),
    [("yearly", "1999", "2000"), ("quarterly", "1999Q4", "2000Q1"), ("monthly", "1999-12-31", "2000-01"),
     ("weekly", "1999-12-27", "2000-01-03"), ("daily", "2000-02-28", "2000-02-29"), ("monthly", "12/1/1999", "2000-01"),
     ("hourly", "1999-12-31T23", "2000-01-01T00")],
)  # fmt: skip
def test_the_next_period_follows(kind, written, following):
    of = FREQUENCIES[kind]
    assert date(int(periods(days_of([written], str), of)[0]) + 1, of) == following


@pytest.mark.parametrize(
    "written", ["1999-12", "1999-12-31 23:59:59", "199912", "19991231", "1999M12", "1999m12", "12/9/1999",
                "1999-12-01T00:00:00Z", "1999-12-01 00:00:00+00:00", "1999-12-06/1999-12-12"]
)  # fmt: skip
def test_a_month_can_be_written_in_many_ways(written):
    assert date(int(periods(days_of([written], str), FREQUENCIES["monthly"])[0]), FREQUENCIES["monthly"]) == "1999-12"


@pytest.mark.parametrize("written", ["NaT", "now", "today", "1999-13", "1999Q5", "1999M0", "31/12/1999", "1999-2-3"])
def test_what_is_no_date_is_not_taken_for_one(written):
    with pytest.raises(BadInput, match="row 1: not a date"):
        days_of(["1999-01", written], lambda row: f"row {row}")


@pytest.mark.parametrize("first", [1, 1000])
def test_periods_may_be_counted_by_any_whole_numbers(first, tmp_path):
    rows = [("a", first + i, 100 + i % 24 + i) for i in range(1201)]
    panel, _ = from_file(long_file(tmp_path, rows), "hourly")
    assert (panel.frequency.name, panel.frequency.period, panel.date(0, 1201)) == ("hourly", 24, str(first + 1201))


def test_what_pandas_writes_of_a_wide_frame_is_read(tmp_path):
    import pandas

    index = pandas.period_range("2000-01", periods=61, freq="M")
    frame = pandas.DataFrame({"a": range(61), "b": range(61)}, index)
    frame.to_csv(tmp_path / "wide.csv")
    frame.set_index(index.to_timestamp()).to_parquet(tmp_path / "wide.parquet")
    for name in ("wide.csv", "wide.parquet"):
        panel, _ = from_file(str(tmp_path / name), "")
        assert (panel.ids, panel.date(1, 61)) == (("a", "b"), "2005-02")


def test_long_wide_and_bare_tables_and_parquet_give_one_panel(tmp_path):
    import pandas

    frame = pandas.DataFrame(months() + months("b"), columns=["unique_id", "ds", "y"])
    frame.to_parquet(tmp_path / "long.parquet")
    wide = tmp_path / "wide.csv"
    wide.write_text("ds,a,b\n" + "".join(f"{m},{v},{v}\n" for _, m, v in months()))
    bare = tmp_path / "bare.txt"
    bare.write_text("".join(f"{v},{v}\n" for _, _, v in months()))
    sources = [(long_file(tmp_path, months() + months("b")), ""), (str(tmp_path / "long.parquet"), ""), (str(wide), "")]
    panels = [from_file(*source)[0] for source in [*sources, (str(bare), "monthly")]]
    for other in panels[1:]:
        np.testing.assert_array_equal(other.values, panels[0].values)
    assert [p.date(1, 61) for p in panels[:3]] == ["2005-02"] * 3
    assert {p.frequency.name for p in panels} == {"monthly"}


def test_fred_mds_file_is_read_each_series_from_its_first_value_to_its_last(tmp_path):
    path = tmp_path / "2020-01.csv"
    path.write_text("sasdate,A,B\nTransform:,5,1\n1/1/1959,1,\n2/1/1959,2,7\n3/1/1959,,8\n,,\n")
    panel, _ = from_file(str(path), "")
    assert [panel.series(i).tolist() for i in range(2)] == [[1, 2], [7, 8]]
    assert [panel.date(i, 0) for i in range(2)] == ["1959-01", "1959-02"]
    path.write_text("sasdate,A\nTransform:,5\n1/1/1959,1\n2/1/1959,\n3/1/1959,3\n")
    with pytest.raises(BadInput, match="series A, 2/1/1959: a value is missing"):
        from_file(str(path), "")


def vintage(folder, name, values, codes="5,1", header="sasdate,A,B"):
    """A file as FRED-MD's, monthly from 1990 on, with as many lines as there are pairs of values."""
    lines = [f"{i % 12 + 1}/1/{1990 + i // 12},{a},{b}" for i, (a, b) in enumerate(values)]
    path = folder / f"{name}.csv"
    path.write_text("\n".join([header, f"Transform:,{codes}", *lines, ""]))
    return path


def two_vintages(folder):
    """Known in 1993-05: A to 1993-04, B a month behind; since then A is counted in other units and B revised."""
    early = [(100 + i, 10 + i if i < 39 else "") for i in range(40)]
    late = [(2 * (100 + i), 10.5 + i) for i in range(48)]
    return vintage(folder, "1993-05", early), vintage(folder, "1994-01-md", late)


def test_each_series_brings_its_code_and_an_unknown_code_is_refused(tmp_path):
    early, _ = two_vintages(tmp_path)
    splits = load(EconomicsData(path=str(early), horizon=3, transform="file"), 0)
    np.testing.assert_array_equal(splits.test.batch(np.arange(2))["transform"], [5, 1])
    with pytest.raises(BadInput, match=r"1993-06\.csv:2: series B: no code of a transform"):
        from_file(str(vintage(tmp_path, "1993-06", [(1, 2)] * 9, codes="5,8")), "")
    falls = vintage(tmp_path, "1993-07", [(5 + i % 3, 3 - i) for i in range(60)], codes="2,6")
    with pytest.raises(BadInput, match="series B, 1990-04: no logarithm"):
        load(EconomicsData(path=str(falls), horizon=1, transform="file"), 0)
    with pytest.raises(BadInput, match="no transforms"):
        load(EconomicsData(path=long_file(tmp_path, months()), horizon=5, transform="file"), 0)


def test_of_a_folder_of_vintages_the_one_at_the_date_is_learnt_from_and_the_newest_judges(tmp_path):
    two_vintages(tmp_path)
    splits = load(EconomicsData(path=str(tmp_path), as_of="1993-12", horizon=3), 0)
    assert (splits.meta["vintage"], splits.meta["truth"]) == ("1993-05", "1994-01")
    batch = splits.test.batch(np.arange(2))
    np.testing.assert_array_equal(batch["history"][:, -1], [139, 48])  # each up to its own last month
    # A is halved as the units were doubled; B is positive too, so linked by the ratio 48 / 48.5
    np.testing.assert_allclose(batch["target"], [[140, 141, 142], np.array([49.5, 50.5, 51.5]) * 48 / 48.5], rtol=1e-6)
    assert splits.meta["split_rule"].endswith("as of 1993-12, test from vintage 1994-01")
    assert (splits.train.around.last + 3 <= [40 - 3, 39 - 3]).all()


def test_a_series_that_the_newest_vintage_lacks_is_left_out_and_named(tmp_path):
    _, late = two_vintages(tmp_path)
    late.write_text(late.read_text().replace("sasdate,A,B", "sasdate,A,C"))
    meta = load(EconomicsData(path=str(tmp_path), as_of="1993-05", horizon=3), 0).meta
    assert (meta["series"], meta["gone"]) == (1, ["B"])


@pytest.mark.parametrize(
    ("path", "as_of", "said"),
    [
        (
            "1994-01-md.csv",
            "1993-12",
            "a later vintage than the forecast's date; wanted 1993-12 or before, got 1994-01",
        ),
        ("", "1993-04", "no vintage so early; wanted 1993-04 or before, got 1993-05 at first"),
        ("", "", "vintages without the date of a forecast"),
        ("", "spring", "vintages without the date of a forecast"),
        ("panel.csv", "1993-12", "a file of no known vintage"),
    ],
)
def test_no_vintage_is_read_that_is_later_than_the_forecast(tmp_path, path, as_of, said):
    early, _ = two_vintages(tmp_path)
    (tmp_path / "panel.csv").write_text(early.read_text())
    with pytest.raises(BadInput, match=said):
        load(EconomicsData(path=str(tmp_path / path), as_of=as_of, horizon=3), 0)


def test_a_model_forecasts_from_no_vintage_before_its_own():
    facts = {"vintage": "1993-05"}
    check_not_before("data/1993-06.csv", facts)
    check_not_before("data/sales.csv", facts)
    with pytest.raises(BadInput, match="an earlier vintage than the model's; wanted one of 1993-05"):
        check_not_before("data/1993-04.csv", facts)


def test_two_columns_of_one_name_are_refused(tmp_path):
    path = tmp_path / "wide.csv"
    path.write_text("ds,a,a\n2000-01,1,2\n2000-02,1,2\n")
    with pytest.raises(BadInput, match="two columns are named 'a'"):
        from_file(str(path), "")


def changed(position, **cell):
    rows = [dict(zip(("unique_id", "ds", "y"), row, strict=True)) for row in months()]
    rows[position] |= cell
    return [tuple(row.values()) for row in rows]


FAULTS = {
    "a month is missing": (lambda: months()[:10] + months()[11:], {}, "none for 2000-11"),
    "months changed places": (lambda: [*months()[:10], months()[11], months()[10], *months()[12:]], {}, "not in order"),
    "time runs back": (lambda: months()[::-1], {}, "2004-12: dates are not in order"),
    "a time zone": (lambda: changed(5, ds="2000-06-01T00:00+02:00"), {}, "00+02:00: a date with a time zone"),
    "dates that are not counted": (months, {"frequency": "other"}, "2000-01: dates without a frequency"),
    "several months are missing": (lambda: months()[:10] + months()[13:], {}, "none for 2000-11, 2000-12, 2001-01"),
    "a month repeats": (lambda: [*months()[:10], months()[9], *months()[10:]], {}, "2000-10: a date repeats"),
    "too short": (lambda: months()[:17], {}, "series a, 2001-05: series too short; wanted at least 23"),
    "the second is too short": (lambda: months() + months("b")[:3], {}, "series b, 2000-03: series too short"),
    "mixed": (lambda: months() + [("b", 1960 + i, i) for i in range(40)], {}, "mixed frequencies"),
    "nan": (lambda: changed(5, y="nan"), {}, "series a, 2000-06: not a finite number"),
    "infinite": (lambda: changed(5, y="-inf"), {}, "series a, 2000-06: not a finite number"),
    "empty cell": (lambda: changed(5, y=""), {}, "series a, 2000-06: a value is missing"),
    "text": (lambda: changed(5, y="many"), {}, "series a, 2000-06: not a number"),
    "negative under a logarithm": (lambda: changed(5, y="-2"), {"transform": "log"}, "series a, 2000-06: no logarithm"),
    "constant": (lambda: months(values=[7] * 61), {}, "series a: a constant series"),
    "zero": (lambda: months(values=[0] * 61), {"constant": "drop"}, "got 0 from 2000-01 on, in 1 series"),
    "no date": (lambda: changed(5, ds="June"), {}, "series a, June: not a date"),
    "a horizon beyond the series": (lambda: months(), {"horizon": 300}, "series a, 2005-01: series too short"),
    "no series": (list, {}, "no rows"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_with_series_and_date(fault, tmp_path):
    rows, options, said = FAULTS[fault]
    assert said in refused(tmp_path, rows(), **options)


def test_constant_series_can_be_left_out_or_kept(tmp_path):
    rows = months() + months("still", [7] * 61)
    path = long_file(tmp_path, rows)
    dropped, kept = (load(EconomicsData(path=path, horizon=5, constant=what), 0).meta for what in ("drop", "keep"))
    assert (dropped["series"], dropped["dropped"]) == (1, 1)
    assert (kept["series"], kept["dropped"]) == (2, 0)


def test_a_vintage_has_no_rolling_origins(tmp_path):
    two_vintages(tmp_path)
    with pytest.raises(BadInput, match=r"folds of one vintage; wanted runs with several data\.as_of, got 2 folds"):
        list(folds(EconomicsData(path=str(tmp_path), as_of="1993-12", horizon=3), 2, seed=0))


def test_a_fold_that_is_too_short_is_named(tmp_path):
    options = EconomicsData(path=long_file(tmp_path, months()), horizon=5)
    with pytest.raises(BadInput, match="series a: fold 8 of 10, without the newest 35 values: nothing to learn from"):
        list(folds(options, 10, seed=0))


@pytest.mark.parametrize(
    "options",
    [
        {"past": ("y",)},
        {"past": ("v",), "future": ("v",)},
        {"origins": 2, "split": "fractions"},
        {"lags": (1,)},
        {"origins": 2, "as_of": "2015-01"},
    ],
)
def test_options_that_contradict_each_other_are_refused(options):
    with pytest.raises(BadInput):
        EconomicsData(path="sales.csv", **options)


@pytest.mark.parametrize("options", [{"name": "m5"}, {"frequency": "weekly"}, {"horizon": 9}, {"path": "/no/such.csv"}])
def test_what_is_not_there_is_refused(options):
    with pytest.raises(BadInput):
        load(EconomicsData(**options), 0)
