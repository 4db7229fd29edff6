"""Measures against cases worked by hand, and figures that show something."""

import math

import numpy as np
import pytest

from pipelines import plots
from pipelines.measures import MEASURES, classification, differ_by_chance, expected_calibration_error
from pipelines.stopping import kept_epoch

LABELS = np.array([0, 0, 1, 1])
SURE = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.3, 0.7]])  # the second is wrong


def test_accuracy_mcc_and_likelihood_of_four_rows_by_hand():
    scores = classification(LABELS, SURE)
    assert scores["accuracy"] == 0.75
    assert scores["balanced_accuracy"] == 0.75
    # One true positive of two of class 0, none of class 1 lost: (1 * 2 - 0 * 1) / sqrt(1 * 2 * 2 * 3).
    assert scores["mcc"] == pytest.approx(2 / math.sqrt(12))
    assert scores["nll"] == pytest.approx(-sum(map(math.log, (0.9, 0.2, 0.6, 0.7))) / 4)


def test_auroc_and_auprc_of_four_rows_by_hand():
    scores = classification(LABELS, SURE)
    # For class 0 the scores .9 .2 against .4 .3: two of four pairs stand in order; class 1 mirrors it.
    assert scores["auroc"] == pytest.approx(0.5)
    # Class 0: hits at ranks 1 and 4 of .9 .4 .3 .2; class 1: at ranks 2 and 3 of .8 .7 .6 .1.
    assert scores["auprc"] == pytest.approx(((1 + 2 / 4) / 2 + (1 / 2 + 2 / 3) / 2) / 2)


def test_a_class_without_rows_is_left_out_of_the_macro_means():
    with_empty = np.concatenate([SURE, np.zeros((4, 1))], axis=1)
    assert classification(LABELS, with_empty) == pytest.approx(classification(LABELS, SURE))


def test_where_only_one_class_is_present_ranking_is_undefined():
    scores = classification(np.zeros(3, int), SURE[:3])
    assert math.isnan(scores["auroc"])
    assert math.isnan(scores["auprc"])
    assert scores["accuracy"] == pytest.approx(1 / 3)


def test_a_model_that_has_diverged_scores_nothing_rather_than_failing():
    scores = classification(LABELS, np.full((4, 2), np.nan))
    assert set(scores) == set(classification(LABELS, SURE))
    assert all(math.isnan(value) for value in scores.values())


def test_certainty_that_turns_out_wrong_costs_a_finite_likelihood():
    assert classification(np.array([0, 1]), np.array([[1.0, 0.0], [1.0, 0.0]]))["nll"] == pytest.approx(
        -math.log(1e-12) / 2
    )


def test_calibration_error_of_two_bins_by_hand():
    # 30 rows make 15 bins of 2: sure of .5 and right in one of two everywhere but in the last, .9 and both right.
    confidence = np.array([0.5] * 28 + [0.9] * 2)
    correct = np.array([True, False] * 14 + [True, True])
    assert expected_calibration_error(confidence, correct) == pytest.approx(2 / 30 * 0.1)


def test_calibration_error_with_fewer_rows_than_bins_takes_each_row_alone():
    assert expected_calibration_error(np.array([0.8, 0.6]), np.array([True, False])) == pytest.approx((0.2 + 0.6) / 2)


def test_calibration_bins_hold_equal_numbers_and_not_equal_ranges():
    # In bins of equal width all of these would fall into one, where confidence and accuracy happen to agree.
    confidence = np.repeat([0.701, 0.709], 15)
    correct = np.arange(30) % 30 < 21
    expected = (np.abs(np.repeat([0.701, 0.709], 15).reshape(15, 2).mean(1) - correct.reshape(15, 2).mean(1))).mean()
    assert expected_calibration_error(confidence, correct) == pytest.approx(expected)
    assert expected > 0.25


# --- figures


def drawn(path):
    """The share of pixels that are not white."""
    from matplotlib.image import imread

    return float((imread(path)[..., :3].min(-1) < 0.9).mean())


@pytest.fixture(params=[2, 3, 15, 30])
def outputs(request):
    random = np.random.default_rng(7)
    classes = request.param
    labels = random.integers(classes, size=211)
    logits = random.normal(size=(211, classes)) + 3 * np.eye(classes)[labels]
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return labels, probabilities, [f"class number {i}" for i in range(classes)]


def test_a_classifier_s_figures_are_drawn_for_few_and_many_classes(outputs, tmp_path):
    for path in plots.classifier(*outputs, tmp_path):
        assert drawn(path) > 0.01, path


def test_figures_are_drawn_where_one_class_alone_is_present(tmp_path):
    labels, probabilities = np.zeros(5, int), np.full((5, 2), 0.5)
    assert all(drawn(path) > 0.005 for path in plots.classifier(labels, probabilities, ["a", "b"], tmp_path))


def test_no_figure_is_drawn_of_a_model_that_has_diverged(tmp_path):
    assert plots.classifier(LABELS, np.full((4, 2), np.nan), ["a", "b"], tmp_path) == []


NAMES = ["$bad^$", "_hidden", "漢字", "a very long name of a class that goes on and on and on and on and on"]


def test_names_that_matplotlib_reads_in_its_own_way_are_shown_as_they_are(tmp_path, monkeypatch, recwarn):
    figures, saved = [], plots.saved
    monkeypatch.setattr(plots, "saved", lambda figure, path: figures.append(figure) or saved(figure, path))
    labels = np.arange(12) % 4
    plots.classifier(labels, np.full((12, 4), 0.25), NAMES, tmp_path)
    legend = [text.get_text() for text in figures[0].axes[0].get_legend().get_texts()]
    assert legend == [r"0.500  \$bad^\$", "0.500  _hidden", "0.500  漢字", "0.500  a very long …d on and on"]
    assert not [warning for warning in recwarn if "Glyph" in str(warning.message)]
    table = figures[1].axes[0].get_window_extent()
    assert min(table.width, table.height) > 0.4 * min(figures[1].bbox.size)  # the names leave it its room


def test_a_short_name_stays_and_of_a_long_one_the_middle_goes():
    assert [plots.shown(name, 7) for name in ("1234567", "12345678", "$5")] == ["1234567", "123…678", r"\$5"]
    assert plots.shown("12345678", 6) == "123…78"


@pytest.mark.parametrize("epochs", [1, 2, 30])
def test_learning_curves_show_every_epoch_and_mark_the_one_that_is_kept(epochs, tmp_path, monkeypatch):
    history = [{"loss": 1 / (e + 1), "val_nll": abs(e - 1) + 0.5, "learning_rate": 0.1} for e in range(epochs)]
    texts = []
    monkeypatch.setattr(plots.Axes, "annotate", lambda self, text, *_, **__: texts.append(text))
    assert drawn(plots.learning_curves(history, "nll", tmp_path / "a.png", epochs, "last")) > 0.005
    assert texts == [f" kept: epoch {epochs} (last) "]


@pytest.mark.parametrize(("keep", "kept"), [("best", 2), ("last", 5), ("best_in_both", 3)])
def test_the_epoch_that_is_told_to_be_kept_is_the_one_that_the_fit_keeps(keep, kept):
    scores = [(0.9, 0.5), (0.4, 0.6), (0.4, 0.8), (0.6, 0.7), (float("nan"), 0.7)]
    history = [{"val_nll": nll, "val_accuracy": accuracy} for nll, accuracy in scores]
    assert kept_epoch(keep, history, ("nll", "accuracy")) == kept
    assert kept_epoch("best", [{"val_accuracy": v} for v in (0.5, 0.9, 0.7)], ("accuracy", "accuracy")) == 2


@pytest.mark.parametrize("keep", ["best", "best_in_both"])
def test_of_a_fit_that_has_diverged_no_epoch_is_the_best(keep):
    assert kept_epoch(keep, [{"val_nll": float("nan")}] * 2, ("nll", "accuracy")) == 0


def test_every_measure_says_what_it_is():
    assert all(told.about for told in MEASURES.values())
    assert {MEASURES[name].best for name in ("accuracy", "nll", "coverage_80")} == {"higher", "lower", "near 80"}


@pytest.mark.parametrize(("measure", "scales"), [("nll", 2), ("smape", 3)])
def test_a_measure_in_another_unit_than_the_loss_has_a_scale_of_its_own(measure, scales, tmp_path, monkeypatch):
    figures = []
    monkeypatch.setattr(plots, "saved", lambda figure, path: figures.append(figure) or path)
    history = [{"loss": 0.1, f"val_{measure}": 12.0, "learning_rate": 0.1}] * 2
    plots.learning_curves(history, measure, tmp_path / "a.png", 2, "last")
    assert len(figures[0].axes) == scales
    assert [text.get_text() for text in figures[0].axes[0].get_legend().get_texts()] == [
        "train loss", f"validation {measure}"
    ]  # fmt: skip


def test_curves_without_validation_or_with_values_that_are_no_numbers_are_drawn(tmp_path):
    plain = [{"loss": 1.0, "learning_rate": 0.1}, {"loss": 0.5, "learning_rate": 0.1}]
    assert drawn(plots.learning_curves(plain, "nll", tmp_path / "a.png", 2, "last")) > 0.005
    broken = [{"loss": float("nan"), "val_nll": float("nan"), "learning_rate": 0.1}] * 2
    assert plots.learning_curves(broken, "nll", tmp_path / "b.png", 0, "best").exists()


# --- what a person reads


def test_brackets_in_a_name_are_shown_and_not_taken_for_markup(capfd):
    from pipelines.report import Report

    report = Report(json=True)
    report.note("exported to /tmp/[/x]/[bold]")
    report._line("run", "/tmp/[/x]/[bold]")
    assert capfd.readouterr().err.count("/tmp/[/x]/[bold]") == 2


def test_a_table_too_wide_for_its_reader_is_told_in_two(capfd):
    from types import SimpleNamespace

    from pipelines.report import Report

    measures = ("smape", "mase", "owa", "coverage_80", "coverage_95", "dm_p")
    scores = {split: dict.fromkeys(measures, 0.25) for split in ("val", "test")}
    result = {"scores": scores, "baselines": {"naive": scores}, "title": "ours", "run_dir": "r", "export": "e"}
    for spread, tables in (({}, 1), ({"scores": scores, "baselines": {"naive": scores}}, 2)):
        report = Report(json=True)
        report.further["champion"] = "no: worse"
        report.result(SimpleNamespace(headline=measures), result | {"spread": spread}, 100)
        told = capfd.readouterr().err
        assert "champion   no: worse" in told
        assert told.count("naive ") == tables + 1  # once in the verdict
        assert "…" not in told


def test_a_mean_of_p_values_is_no_verdict():
    from types import SimpleNamespace

    from pipelines.report import verdict

    scores = {"test": {"smape": 5.0, "dm_p": 0.25}}
    result = {"scores": scores, "baselines": {"naive": {"test": {"smape": 6.0}}}}
    task = SimpleNamespace(headline=("smape",))
    assert verdict(task, result, 100).endswith("(Diebold-Mariano p 0.250)")
    assert verdict(task, result | {"spread": {"scores": scores}}, 100).endswith("smape 5.00 against 6.00")


@pytest.mark.parametrize(
    ("ours", "told"),
    [
        (0.9, "beats every baseline, the best being b on test: accuracy 90.0 against 80.0"),
        (0.8, "equals b on test: accuracy 80.0 against 80.0"),
        (0.7, "LOSES to b on test: accuracy 70.0 against 80.0"),
        (0.81, "no clear difference from b on test: accuracy 81.0 against 80.0 on 442 rows"),
        (0.79, "no clear difference from b on test: accuracy 79.0 against 80.0 on 442 rows"),
    ],
)
def test_the_verdict_names_the_best_baseline_and_who_won(ours, told):
    from types import SimpleNamespace

    from pipelines.report import verdict

    task = SimpleNamespace(headline=("accuracy",))
    baselines = {"a": {"test": {"accuracy": 0.6}}, "b": {"test": {"accuracy": 0.8}}}
    assert verdict(task, {"scores": {"test": {"accuracy": ours}}, "baselines": baselines}, 442) == told


def test_accuracies_of_equally_good_models_differ_by_chance_in_95_of_100_samples():
    rows, samples = 500, 4000
    one, other = np.random.default_rng(0).binomial(rows, 0.9, (2, samples)) / rows
    shares = np.mean([differ_by_chance(a, b, rows) for a, b in zip(one.tolist(), other.tolist(), strict=True)])
    assert shares == pytest.approx(0.95, abs=0.015)  # four deviations of a share of 4,000 samples
    assert not differ_by_chance(0.93, 0.925, 100_000)
    assert not differ_by_chance(None, 0.9, 10)


def test_where_less_is_better_the_lowest_baseline_is_the_best():
    from types import SimpleNamespace

    from pipelines.report import verdict

    baselines = {"a": {"test": {"nll": 0.6}}, "b": {"test": {"nll": 0.8}}, "c": {"test": {"nll": None}}}
    told = verdict(SimpleNamespace(headline=("nll",)), {"scores": {"test": {"nll": 0.7}}, "baselines": baselines}, 9)
    assert told == "LOSES to a on test: nll 0.700 against 0.600"


@pytest.mark.parametrize(
    ("measure", "ours", "theirs", "won"),
    [
        ("accuracy", 0.9, 0.8, True),
        ("accuracy", 0.8, 0.8, False),
        ("nll", 0.9, 0.8, False),
        ("nll", 0.7, 0.8, True),
        ("nll", 0.7, None, True),
        ("nll", float("nan"), 0.8, False),
        ("accuracy", None, float("nan"), False),
    ],
)
def test_what_is_no_number_is_worse_than_any(measure, ours, theirs, won):
    from pipelines.measures import better

    assert better(measure, ours, theirs) is won
