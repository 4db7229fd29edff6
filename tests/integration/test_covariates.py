"""Covariates from a table to the served end: what they teach, what is never read, what is refused."""

import csv
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from data.economics import EconomicsData, load
from data.economics_files import from_file
from data.errors import BadInput
from pipelines import engine, verbs
from pipelines.economics import DOMAIN
from pipelines.economics.baselines import baselines
from pipelines.economics.explain import taken_apart
from pipelines.economics.fit import EconomicsFit
from pipelines.economics.graph import parts
from pipelines.economics.importance import dealt, importances
from pipelines.export import export
from pipelines.run import Model, Run

TASK = DOMAIN.task
HORIZON, LAG = 3, 2
DATA = {
    "horizon": HORIZON,
    "draws": 64,
    "future": ("promo",),
    "past": ("visits",),
    "lags": (LAG,),
    "static": ("region", "size"),
    "calendar": "season",
}
FIT = EconomicsFit(epochs=14, batch_size=32, learning_rate=1e-2, optimizer="adam", loss="mase", keep="last")
HEADER = ["unique_id", "ds", "y", "promo", "visits", "region", "size"]


def dates(count):
    return [f"{2001 + i // 4}Q{i % 4 + 1}" for i in range(count)]


def rows(ahead=0):
    """Seven quarterly series that stand at 100 and at 150 under a promotion, which comes as it likes."""
    random, made = np.random.default_rng(5), []
    for i in range(7):
        count = 29 + i
        promo = random.integers(0, 2, count + HORIZON)
        y = 100 + 50 * promo + random.normal(size=count + HORIZON)
        about = ["north", "south"][i % 2], i
        for t, date in enumerate(dates(count + ahead)):
            late = t >= count - LAG
            value = "" if t >= count else f"{y[t]:.3f}"
            made.append([f"s{i}", date, value, promo[t], "" if late else t % 5, *about])
    return made


def table(path, lines, header=HEADER):
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *lines])
    return str(path)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A small run on the table, its export, its model and its served function."""
    folder = tmp_path_factory.mktemp("covariates")
    file = table(folder / "sales.csv", rows())
    options = {"basis": "interpretable", "blocks": 1, "width": 16, "depth": 1, "members": 2}
    run = Run("economics", "small", EconomicsData(path=file, **DATA), Model("nbeats", options), FIT)
    splits = load(run.data, 0)
    model = engine.fit(engine.prepare(run, TASK, splits), run, TASK, splits).model
    told = {"domain": "economics", "run": run.as_json()}
    told["data"] = {name: splits.meta[name] for name in (*DOMAIN.facts, "digest")}
    place = export(model, TASK, splits.meta, splits.test, folder, "economics", told)
    keeps = tf.saved_model.load(str(place))
    return SimpleNamespace(
        file=file,
        ahead=table(folder / "ahead.csv", rows(HORIZON)),
        smape=engine.evaluate(model, TASK, splits.test, splits.meta)["smape"],
        export=place,
        splits=splits,
        model=model,
        keeps=keeps,
        served=keeps.signatures["serving_default"],
    )


def ask(trained, change=lambda sent: None):
    """The served forecasts for the test rows, after a change of what is sent."""
    sent = {name: values.copy() for name, values in TASK.raw(trained.splits.test).items()}
    change(sent)
    answers = trained.served(**{name: tf.constant(values) for name, values in sent.items()})
    return answers["mean"].numpy()


def test_a_promotion_that_no_history_tells_of_is_forecast(trained):
    # the best that a method without covariates can do is the mean of 100 and 150, wrong by a fifth
    assert trained.smape < 10
    assert baselines(trained.splits, 0)["ses"]["test"]["smape"] > 15


def test_what_is_published_later_is_never_read(trained):
    def later(sent):
        sent["past"][:, -LAG:] = 1e6

    def known(sent):
        sent["past"][:, -LAG - 1] = 1e3

    np.testing.assert_array_equal(ask(trained, later), ask(trained))
    assert not np.array_equal(ask(trained, known), ask(trained))


def test_the_season_and_what_is_static_are_read(trained):
    for name in ("season", "static"):

        def other(sent, name=name):
            sent[name] = np.roll(sent[name], 1, axis=0)

        assert not np.array_equal(ask(trained, other), ask(trained))


def spoil(name, place, value):
    def change(sent):
        sent[name][place] = value

    return change


def shorten(name):
    def change(sent):
        sent[name] = sent[name][:, 1:]

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (spoil("future", (1, -1, 0), np.nan), "series 2, place .*: future: not a finite number"),
        (spoil("past", (2, -LAG - 1, 0), np.inf), "series 3, place .*: past: not a finite number"),
        (spoil("static", (3, 1), np.nan), "series 4, place 2: static: not a finite number"),
        (spoil("season", 0, 4), "series 1: season; wanted 0 to 3"),
        (shorten("future"), "future: wanted the dates of the history and 3 more"),
        (shorten("past"), "past: wanted as many dates as the history"),
    ],
)
def test_the_served_function_says_which_covariate_is_wrong(trained, change, said):
    with pytest.raises(tf.errors.InvalidArgumentError, match=said):
        ask(trained, change)


def test_predict_reads_the_rows_to_be_forecast_and_lists_those_that_are_missing(trained, tmp_path):
    out = tmp_path / "answers.csv"
    assert verbs.predict(DOMAIN, str(trained.export), trained.ahead, str(out))["rows"] == 7 * HORIZON
    promoted = {(u, d): promo for u, d, y, promo, *_ in rows(HORIZON) if not y}
    with out.open() as lines:
        said = {(row["unique_id"], row["ds"]): float(row["mean"]) for row in csv.DictReader(lines)}
    assert said.keys() == promoted.keys()
    # 25 is what forecasts that do not know of the promotions are wrong by
    assert np.mean([abs(said[at] - 100 - 50 * promoted[at]) for at in said]) < 18
    gone = table(tmp_path / "gone.csv", [row for row in rows(HORIZON) if row[:2] != ["s2", "2009Q2"]])
    with pytest.raises(BadInput, match=r"promo for every date .* got none for s2, 2009Q2$"):
        verbs.predict(DOMAIN, str(trained.export), gone, "")


def test_evaluate_takes_the_same_table(trained):
    scores = verbs.evaluate(DOMAIN, str(trained.export), trained.file, json=True)["scores"]["test"]
    assert scores["smape"] == pytest.approx(trained.smape, rel=1e-4)


def test_the_promotion_is_the_most_important_covariate(trained):
    whole, found = importances(trained.model, trained.splits.test, trained.splits.meta)
    assert whole == pytest.approx(trained.smape, rel=1e-4)
    assert [found[0].name, found[0].kind] == ["promo", "future"]
    assert found[0].rise > 5
    assert {one.name for one in found} == {"promo", "visits", "region", "size", "season"}


def test_what_all_series_share_is_dealt_out_over_time():
    random, holidays = np.random.default_rng(1), np.tile(np.arange(11.0)[None, :, None], (5, 1, 2))
    moved = dealt(holidays, "future", 4, random)
    assert not np.array_equal(moved, holidays)
    np.testing.assert_array_equal(np.sort(moved, axis=1), holidays)
    assert 2 not in {int(dealt(np.array([2, 2, 2]), "season", 4, random)[0]) for _ in range(31)}
    own = np.arange(5.0)[:, None]
    np.testing.assert_array_equal(np.sort(dealt(own, "static", 4, random), axis=0), own)


def test_parts_with_that_of_the_covariates_add_up(trained):
    batch = trained.splits.test.batch(np.arange(7))
    inputs = {name: batch[name] for name in trained.model.input}
    split = taken_apart(trained.model, inputs)
    # sums in another order
    np.testing.assert_allclose(
        sum(split.values()), np.asarray(parts(trained.model)(inputs)["members"]).mean(1), rtol=1e-4
    )
    assert np.abs(split["covariates"]).max() > 5


def changed(name, place, value):
    lines = rows(HORIZON)
    lines[place][HEADER.index(name)] = value
    return lines


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (changed("promo", 4, ""), "series s0, 2002Q1, promo: a value is missing"),
        (changed("visits", 4, "many"), "series s0, 2002Q1, visits: not a number"),
        (changed("region", 4, "east"), "series s0, 2002Q1: static covariate region changes"),
        (changed("y", 4, ""), "series s0, 2002Q1: a value is missing"),
    ],
)
def test_a_fault_of_a_covariate_is_told_with_series_date_and_column(lines, said, tmp_path):
    with pytest.raises(BadInput, match=said):
        load(EconomicsData(path=table(tmp_path / "t.csv", lines), **DATA), 0)


def test_covariates_need_their_columns_and_a_calendar_needs_dates(tmp_path):
    file = table(tmp_path / "t.csv", rows())
    for options in ({"path": file, "future": ("price",)}, {"calendar": "season"}, {"future": ("promo",)}):
        with pytest.raises(BadInput):
            load(EconomicsData(**options), 0)
    with pytest.raises(BadInput, match=r"data\.lags"):
        EconomicsData(path=file, past=("visits",), lags=(1, 2))


def test_a_word_that_was_not_learnt_is_refused(tmp_path):
    asked = EconomicsData(path="t.csv", **DATA).asked
    file = table(tmp_path / "t.csv", [[*row[:5], "east", row[6]] for row in rows()])
    with pytest.raises(BadInput, match="wanted region=north, region=south, got region=east"):
        from_file(file, "", asked, ("region=north", "region=south", "size"))
