"""Economics from files to answers: recipes, objective, calibration, baselines, served histories, verbs, folds."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from arch.account import account
from data.economics import EconomicsData, load
from data.errors import BadInput
from pipelines import engine, verbs
from pipelines.economics import DOMAIN, backtest, check, reconcile
from pipelines.economics.baselines import baselines
from pipelines.economics.equality import diebold_mariano
from pipelines.economics.explain import taken_apart
from pipelines.economics.fit import EconomicsFit
from pipelines.economics.graph import LEVELS, parts
from pipelines.economics.objective import objective
from pipelines.economics.recipes import RECIPES
from pipelines.economics.scores import coverages, forecasting
from pipelines.economics.statistics import smoothed
from pipelines.run import Model, Run
from pipelines.serve.wire import Field, Refusal, to_array

TASK = DOMAIN.task
FIT = EconomicsFit(
    epochs=2, batch_size=32, learning_rate=1e-2, optimizer="adam", beside=("theta", "drift"), keep="last"
)
SMALL = Model("nbeats", {"blocks": 1, "width": 8, "depth": 1, "members": 3})


def quarters(count, first=1990):
    return [f"{first + i // 4}Q{i % 4 + 1}" for i in range(count)]


def write(path, series, first=1990):
    """A long table of {unique_id: values}."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["unique_id", "ds", "y"])
        for name, values in series.items():
            writer.writerows(zip([name] * len(values), quarters(len(values), first), values, strict=True))
    return str(path)


@pytest.fixture(scope="module")
def panel(tmp_path_factory):
    """Seven quarterly series of different lengths, with trend and season."""
    rng = np.random.default_rng(5)
    series = {}
    for i in range(7):
        time = np.arange(37 + i)
        values = (50 + time) * np.tile([0.9, 1.2, 1.0, 0.9], 13)[: 37 + i] + rng.normal(size=37 + i)
        series[f"s{i}"] = values.round(3).tolist()
    return write(tmp_path_factory.mktemp("panel") / "panel.csv", series)


@pytest.fixture(scope="module")
def small(panel):
    return Run("economics", "small", EconomicsData(path=panel, horizon=3, draws=7), SMALL, FIT)


@pytest.fixture(scope="module")
def trained(small):
    """The small run: splits, what `train` answered, its export, its model, its served function."""
    from pipelines.outcome import Session
    from pipelines.report import Report
    from pipelines.train import train

    result = train(Session(DOMAIN, Report(json=True), "economics"), small)
    export = Path(result["export"])
    served = tf.saved_model.load(str(export))
    return SimpleNamespace(
        result=result,
        export=export,
        splits=load(small.data, 0),
        model=keras.saving.load_model(export / "model.keras", compile=False),
        keeps=served,
        served=served.signatures["serving_default"],
        metadata=json.loads((export / "metadata.json").read_text()),
    )


def ask(trained, histories, period=4):
    longest = max(map(len, histories))
    rows = np.full((len(histories), longest), np.nan, np.float32)
    for row, values in zip(rows, histories, strict=True):
        row[longest - len(values) :] = values
    frequency = tf.constant([period] * len(histories), tf.int64)
    return {
        name: value.numpy() for name, value in trained.served(history=tf.constant(rows), frequency=frequency).items()
    }


HISTORY = (100 + np.arange(23) + 9 * np.sin(np.arange(23) * np.pi / 2)).astype("float32")


def test_a_run_is_told_beside_its_baselines_and_has_its_figures(trained):
    assert set(trained.result["baselines"]) >= {"theta", "naive2", "dynamic_theta"}
    assert trained.result["baselines"]["naive2"]["test"]["owa"] == 1
    assert set(trained.result["scores"]["test"]) >= {
        "smape",
        "mase",
        "rmsse",
        "owa",
        "wql",
        "coverage_80",
        "coverage_95",
        "dm_p",
        "seconds",
    }
    assert trained.result["baselines"]["theta"]["test"]["seconds"] > 0
    names = {path.name for path in (Path(trained.result["run_dir"]) / "plots").iterdir()}
    assert names == {
        "learning_curves.png", "forecasts.png", "error_by_step.png", "coverage.png", "residuals.png"
    }  # fmt: skip


def test_a_scaled_history_scales_what_is_served(trained):
    one, two = ask(trained, [HISTORY]), ask(trained, [1024 * HISTORY])
    for name in ("mean", "quantiles"):
        np.testing.assert_allclose(two[name], 1024 * one[name], rtol=1e-5)


def test_a_constant_series_is_served_as_itself(trained):
    answer = ask(trained, [np.full(19, 7.0)])
    np.testing.assert_allclose(answer["mean"], 7, rtol=1e-4)
    np.testing.assert_allclose(answer["quantiles"], 7, rtol=1e-4)


def test_served_quantiles_rise_and_lie_about_the_mean(trained):
    answer = ask(trained, [HISTORY, HISTORY[7:]])
    assert answer["mean"].shape == (2, 3)
    assert answer["quantiles"].shape == (2, 3, len(LEVELS))
    assert (np.diff(answer["quantiles"], axis=-1) >= 0).all()


def test_what_is_older_than_the_model_looks_back_does_not_matter(trained):
    length = trained.metadata["data"]["length"]
    long = np.concatenate([np.full(31, 1e6), np.resize(HISTORY, length)])
    np.testing.assert_array_equal(ask(trained, [long])["mean"], ask(trained, [long[31:]])["mean"])


@pytest.mark.parametrize(
    ("history", "period", "said"),
    [
        ([1.0, 2.0, np.nan, 4.0, 5.0, 6.0, 7.0], 4, "series 1, value 3: not a finite number"),
        ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, np.nan], 4, "series 1, value 7: not a finite number"),
        ([1.0, 2.0, np.inf, 4.0, 5.0, 6.0, 7.0], 4, "series 1, value 3: not a finite number"),
        ([1.0, 2.0, 3.0], 4, "series 1: too few values; wanted at least 5"),
        (
            [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            12,
            "series 1: another frequency than that of the model; wanted a season of 4",
        ),
    ],
)
def test_the_served_function_says_what_is_wrong(trained, history, period, said):
    with pytest.raises(tf.errors.InvalidArgumentError, match=said):
        ask(trained, [history], period)


def test_every_history_needs_its_own_frequency(trained):
    with pytest.raises(tf.errors.InvalidArgumentError, match="frequency: wanted one for each history"):
        trained.served(history=tf.constant([HISTORY]), frequency=tf.constant([4, 4], tf.int64))


def test_predict_writes_future_dates_of_every_series(trained, tmp_path):
    file = write(tmp_path / "new.csv", {"x": HISTORY.tolist(), "y": HISTORY[4:].tolist()}, first=2001)
    out = tmp_path / "answers.csv"
    told = verbs.predict(DOMAIN, str(trained.export), file, str(out))
    with out.open() as lines:
        rows = list(csv.DictReader(lines))
    assert told["rows"] == len(rows) == 6
    assert [row["ds"] for row in rows] == ["2006Q4", "2007Q1", "2007Q2", "2005Q4", "2006Q1", "2006Q2"]
    means = [float(row["mean"]) for row in rows]
    np.testing.assert_allclose(means, ask(trained, [HISTORY, HISTORY[4:]])["mean"].ravel(), rtol=1e-4)
    assert all(float(row["quantiles_0.1"]) <= float(row["quantiles_0.9"]) for row in rows)


def test_one_step_ahead_is_written_as_many_are(trained, tmp_path, monkeypatch):
    facts = {**trained.metadata, "data": {**trained.metadata["data"], "horizon": 1}}
    answers = {"mean": np.array([[1.5], [123456.79]], "float32"), "quantiles": np.tile(np.arange(7.0), (2, 1, 1))}
    monkeypatch.setattr(verbs, "find", lambda *_: SimpleNamespace(metadata=facts, name="economics", version="1"))
    monkeypatch.setattr(verbs, "Served", lambda _: lambda _: answers)
    file = write(tmp_path / "new.csv", {"x": HISTORY.tolist(), "y": HISTORY[4:].tolist()}, first=2001)
    assert verbs.predict(DOMAIN, "", file, str(tmp_path / "out.csv"))["rows"] == 2
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert lines[1:] == ["x,2006Q4,1.5,0,1,2,3,4,5,6", "y,2005Q4,123456.789,0,1,2,3,4,5,6"]


def test_what_is_reconciled_adds_up_and_its_errors_are_told(trained, tmp_path):
    series = {"both": (2.5 * HISTORY).tolist(), "x": HISTORY.tolist(), "y": (1.5 * HISTORY[::-1]).tolist()}
    file, out, sums = write(tmp_path / "all.csv", series), tmp_path / "out.csv", tmp_path / "sums.csv"
    sums.write_text("parent,child\nboth,x\nboth,y\n")
    told = reconcile.main(DOMAIN, [str(trained.export), file, str(sums), "--out", str(out)], "reconcile")
    with out.open() as lines:
        means = np.array([float(row["mean"]) for row in csv.DictReader(lines)]).reshape(3, 3)
    np.testing.assert_allclose(means[0], means[1] + means[2], rtol=1e-6)
    assert told["largest_gap"] > 1
    assert told["scores"].keys() == {"base", "reconciled"}
    out.unlink()
    short = write(tmp_path / "short.csv", {name: values[-10:] for name, values in series.items()})
    with pytest.raises(
        BadInput, match=r"series both, 1992Q2: series too short; wanted at least 11 values: .* for mint"
    ):
        reconcile.main(DOMAIN, [str(trained.export), short, str(sums), "--out", str(out)], "reconcile")
    assert not out.exists()
    series["x"] = series["x"][:-1]
    with pytest.raises(BadInput, match="series x, 1995Q2: series that end at different dates"):
        reconcile.main(DOMAIN, [str(trained.export), write(tmp_path / "all.csv", series), str(sums)], "reconcile")


def test_evaluate_judges_the_served_function_on_the_runs_test_rows(trained, panel):
    for file in ("", panel):
        scores = verbs.evaluate(DOMAIN, str(trained.export), file, json=True)["scores"]["test"]
        assert scores["smape"] == pytest.approx(trained.result["scores"]["test"]["smape"], rel=1e-4)


def test_evaluate_rolls_origins_beside_the_baselines_and_says_what_was_learnt_from(trained, panel, capfd):
    told = backtest.main(DOMAIN, [str(trained.export), panel, "--origins", "3", "--stride", "2"], "evaluate")
    assert told["rows"] == 7 * 3
    assert told["scores"]["test"].keys() >= {"smape", "owa", "coverage_80", "dm_p"}
    assert told["baselines"]["naive2"]["test"]["owa"] == 1
    assert "14 of 21 forecasts begin before the test values of the run" in capfd.readouterr().out
    with pytest.raises(BadInput, match=r"series s0, 1999Q1: series too short; wanted at least 38 values: 11 forecasts"):
        backtest.main(DOMAIN, [str(trained.export), panel, "--origins", "11"], "evaluate")
    with pytest.raises(BadInput, match="wanted FILE beside --origins"):
        backtest.main(DOMAIN, [str(trained.export), "--origins", "2"], "evaluate")


def test_series_of_another_frequency_are_refused(trained, tmp_path):
    path = tmp_path / "monthly.csv"
    path.write_text("ds,a\n" + "".join(f"2000-{m:02},{m}\n" for m in range(1, 13)))
    with pytest.raises(BadInput, match="another frequency; wanted quarterly, got monthly"):
        verbs.predict(DOMAIN, str(trained.export), str(path), str(tmp_path / "out.csv"))
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_takes_a_step_that_reaches_all_its_weights(recipe, panel):
    run = RECIPES[recipe]
    options = {name: value for name, value in run.model.options.items() if name != "members"}
    run = run.with_(data=EconomicsData(path=panel, horizon=3, draws=2), model=Model(run.model.builder, options))
    splits = load(run.data, 0)
    model = engine.prepare(run, TASK, splits).model
    batch = splits.train.batch(np.arange(7), 0, 0)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(objective(model, batch, run, True).losses)
    gradients = tape.gradient(loss, model.trainable_variables)
    assert np.isfinite(float(loss))
    assert all(gradient is not None for gradient in gradients)
    assert account(model).multiply_adds > 0  # which `train` tells before its first step


def test_each_member_is_judged_by_itself(small):
    splits = load(small.data, 0)
    model = engine.prepare(small, TASK, splits).model
    batch = splits.train.batch(np.arange(5), 0, 0)
    members = np.asarray(parts(model)({"history": batch["history"]})["members"], float)
    target = batch["target"][:, None].astype(float)
    wanted = np.mean(2 * np.abs(members - target) / (np.abs(members) + np.abs(target)), axis=(1, 2))
    np.testing.assert_allclose(objective(model, batch, small, False).losses, wanted, rtol=1e-4)


def test_percentages_of_nothing_are_not_learnt_from(small):
    run = small.with_(fit=replace(small.fit, loss="mape"))
    splits = load(run.data, 0)
    model = engine.prepare(run, TASK, splits).model
    batch = splits.train.batch(np.arange(2), 0, 0)
    batch["target"][0, 0] = 0.0
    members = np.asarray(parts(model)({"history": batch["history"]})["members"], float)
    known = batch["target"][:1, None, 1:].astype(float)
    wanted = np.sum(np.abs(members[:1, :, 1:] / known - 1), axis=2) / members.shape[2]
    np.testing.assert_allclose(objective(model, batch, run, False).losses[0], wanted.mean(), rtol=1e-4)


def test_calibration_is_the_same_twice_and_covers_what_it_saw(small):
    splits = load(replace(small.data, origins=3), 0)
    model = engine.prepare(small, TASK, splits).model
    TASK.calibrate(model, small, splits)
    offset = model.get_layer("intervals").offset.numpy()
    TASK.calibrate(model, small, splits)
    np.testing.assert_array_equal(model.get_layer("intervals").offset.numpy(), offset)
    outputs = TASK.named(engine.predict(model, splits.val), splits.meta)
    target = splits.val.batch(np.arange(splits.val.size))["target"]
    assert coverages(outputs["quantiles"], target)["coverage_80"] > 0.75


def test_scores_by_hand():
    batch = {"target": np.array([[2.0, 4.0]]), "scale": np.array([0.5]), "history": np.array([[np.nan, 1.0, 3.0]])}
    scores = forecasting(np.array([[1.0, 4.0]]), batch, np.array([[2.0, 2.0]]))
    assert scores["smape"] == pytest.approx(100 / 3)
    assert scores["mase"] == pytest.approx(1.0)
    assert scores["rmsse"] == pytest.approx(np.sqrt(0.5) / 2)
    assert scores["owa"] == pytest.approx((1 + 1 / 2) / 2)


def test_two_forecasters_are_told_apart_over_series_as_by_a_t_test():
    from scipy import stats

    ours, theirs = np.random.default_rng(1).normal([[0.3], [0.0]], size=(2, 17))
    wanted = stats.ttest_1samp(ours - theirs, 0).pvalue
    assert diebold_mariano(ours, theirs, np.arange(17), np.zeros(17, int), 5) == pytest.approx(wanted)
    twice = np.repeat(ours, 2), np.repeat(theirs, 2), np.repeat(np.arange(17), 2), np.tile([3, 4], 17)
    assert diebold_mariano(*twice, 5) == pytest.approx(wanted)  # two origins of a series are one unit


def test_two_forecasters_are_told_apart_over_time_by_hand():
    # differences 1, 2, 3, 6: variance 3.5, covariance 0.5, both over 4; corrected by sqrt(1.5 / 4): t = sqrt(3)
    losses = np.array([1.0, 2.0, 3.0, 6.0])
    found = diebold_mariano(losses, np.zeros(4), np.zeros(4, int), np.array([10, 15, 20, 25]), 10)
    assert found == pytest.approx(1 - 2 * (1 / 2 + np.pi / 4) / np.pi)
    assert np.isnan(diebold_mariano(losses, losses, np.zeros(4, int), np.arange(4), 1))


def test_the_parts_of_a_forecast_add_up_to_the_networks_mean(small):
    options = {**SMALL.options, "basis": "interpretable"}
    splits = load(small.data, 0)
    model = engine.prepare(small.with_(model=Model("nbeats", options)), TASK, splits).model
    history = splits.test.batch(np.arange(splits.test.size))["history"]
    whole = np.asarray(parts(model)({"history": history})["members"]).mean(1)
    # a product of values is rounded in another order
    np.testing.assert_allclose(sum(taken_apart(model, {"history": history}).values()), whole, rtol=1e-4)
    with pytest.raises(BadInput, match="have no parts"):
        taken_apart(engine.prepare(small, TASK, splits).model, {"history": history})


def test_ets_stands_in_where_it_cannot_be_fitted():
    instead = np.array([[1.0, 2.0]])
    np.testing.assert_array_equal(smoothed(np.array([[np.nan, 3.0]]), instead, 1), instead)
    season = np.tile([3.0, 1.0, 4.0, 1.5], 7)[None]
    np.testing.assert_allclose(smoothed(season, instead, 4), [[3.0, 1.0]], atol=0.05)


def test_baselines_are_those_of_the_rows_alone(panel):
    splits = load(EconomicsData(path=panel, horizon=3, draws=1), 0)
    found = baselines(splits, 0)
    assert set(found["theta"]) == {"val", "test"}
    assert found["seasonal_naive"]["test"]["mase"] < found["naive"]["test"]["mase"]  # the panel has seasons


def test_folds_train_at_earlier_origins(small):
    parts_ = list(DOMAIN.folds(small, load(small.data, 0), 2))
    assert [part.meta["fold"] for part in parts_] == [0, 1]
    assert (parts_[0].test["origin"] - parts_[1].test["origin"] == 3).all()


def test_a_horizon_of_the_model_alone_is_refused(small):
    with pytest.raises(BadInput, match="given by the data"):
        check(small.with_(model=Model("nbeats", {"horizon": 5})))


def test_smoothed_labels_are_refused(small):
    with pytest.raises(BadInput, match="label_smoothing is for classes"):
        check(small.with_(fit=replace(FIT, label_smoothing=0.1)))


def test_histories_of_several_lengths_are_sent_as_they_are():
    field = Field("history", np.dtype("float32"), (None, None))
    np.testing.assert_array_equal(to_array([[1, 2.5], [3]], field), [[1, 2.5], [np.nan, 3]])
    for wrong in ([[3], [1, None]], [[3], [1, "2"]], [[3], [1, [2]]]):
        with pytest.raises(Refusal) as told:
            to_array(wrong, field)
        assert told.value.reason.startswith("history[1]")
