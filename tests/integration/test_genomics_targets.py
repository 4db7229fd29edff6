"""Sets of labels, values, FASTA and intervals: from the user's files to answers of the served function."""

import csv
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.errors import BadInput
from pipelines.domain import domain
from pipelines.summary import summary
from pipelines.verbs import Served, evaluate, find, predict

from .conftest import small_run, train_in_process

BASES = 23


def sequences(count, seed=0):
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list("ACGT"), BASES)) for _ in range(count)]


def table(path, pairs):
    path.write_text("sequence,label\n" + "".join(f"{a},{b}\n" for a, b in pairs))
    return path


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.setenv("INDUCTIVE_RUNS", str(tmp_path / "runs"))


def trained(path, target):
    run = small_run(path=str(path), target=target, val_fraction=0.2, test_fraction=0.2)
    return train_in_process(run.with_(fit=replace(run.fit, epochs=20, learning_rate=0.02, weight_decay=0.0)))


@pytest.mark.usefixtures("runs")
def test_sets_of_labels_are_learnt_served_and_judged(tmp_path, capsys):
    bases = sequences(400)
    pairs = [(b, ";".join(m for m in ("TA", "GC") if m in b) or ".") for b in bases]
    result = trained(table(tmp_path / "a.csv", pairs), "labels")
    assert set(result["scores"]["test"]) == {"auroc", "auprc", "accuracy", "nll"}
    assert result["scores"]["test"]["auroc"] > 0.8
    assert set(result["baselines"]) == {"positional_regression", "kmer_regression"}
    assert {"reliability", "roc_and_pr", "accuracy_by_content"} <= {
        p.stem for p in Path(result["run_dir"], "plots").iterdir()
    }
    genomics = domain("genomics")
    told = evaluate(genomics, result["run_dir"], "", json=True)["scores"]["test"]
    assert told == pytest.approx(result["scores"]["test"], abs=1e-5)
    capsys.readouterr()
    for name, learnt in (("a.csv", True), ("b.csv", False)):
        path = table(tmp_path / name, pairs if learnt else pairs[1:])
        evaluate(genomics, result["run_dir"], str(path), json=False)
        assert ("has learnt from rows of this file" in capsys.readouterr().out) == learnt
    predict(genomics, result["run_dir"], str(tmp_path / "a.csv"), str(tmp_path / "out.csv"))
    (first, *_) = csv.DictReader((tmp_path / "out.csv").open())
    rows = list(csv.DictReader((tmp_path / "out.csv").open()))
    for row in rows:
        likely = [name for name in ("GC", "TA") if float(row[f"probabilities_{name}"]) > 0.5]
        assert row["predicted_label"] == ";".join(likely)
    assert {row["predicted_label"] for row in rows} >= {"GC", "TA", "GC;TA"}
    answers = Served(find(genomics, result["run_dir"]))({"sequence": bases[:2]})
    assert float(first["probabilities_TA"]) == pytest.approx(answers["probabilities"][0, 1], abs=1e-6)


@pytest.mark.usefixtures("runs")
def test_values_are_learnt_in_their_own_unit(tmp_path):
    bases = sequences(400, seed=1)
    path = table(tmp_path / "a.csv", [(b, 1000 + 50 * b.count("G")) for b in bases])
    result = trained(path, "value")
    assert result["scores"]["test"]["r2"] > 0.5
    assert result["baselines"]["kmer_regression"]["test"]["r2"] > 0.9
    predict(domain("genomics"), result["run_dir"], str(path), str(tmp_path / "out.csv"))
    rows = list(csv.DictReader((tmp_path / "out.csv").open()))
    values = np.array([[float(row["label"]), float(row["value"])] for row in rows])
    assert np.corrcoef(values.T)[0, 1] > 0.7
    assert abs(values[:, 1].mean() - values[:, 0].mean()) < 20
    assert {"values", "error_by_content"} <= {p.stem for p in Path(result["run_dir"], "plots").iterdir()}
    page = Path(summary([result["run_dir"], "--json"], "summary")["page"]).read_text()
    words = (
        "kmer_regression",
        "on test: r2",
        "<td>sha256 of /",
        "a.csv</td>",
        "src='data:image/png",
        "fit.epochs",
        "data.target",
    )
    for word in (*words, "share of the values&#x27; variance", "deviation", "class='wide'"):
        assert word in page
    assert "licence" not in page  # of the user's own file
    assert page.index("alt='values'") < page.index("alt='learning curves'")
    assert not re.search("(src|href)='http", page)  # nothing is fetched
    with pytest.raises(BadInput, match="summary: no run"):
        summary([str(tmp_path)], "summary")
    with pytest.raises(BadInput, match="would take the place of what is read"):
        summary([result["run_dir"], "--out", f"{result['run_dir']}/run.json"], "summary")
    record = Path(result["run_dir"], "record.jsonl")
    older = re.sub('"(mostly_ambiguous|title)": ', '"of_later": ', record.read_text())
    assert older != record.read_text()
    record.write_text(older)
    summary([result["run_dir"], "--json"], "summary")
    told = evaluate(domain("genomics"), result["run_dir"], "", json=True)["scores"]["test"]
    assert told["rmse"] == pytest.approx(result["scores"]["test"]["rmse"], rel=1e-4)


@pytest.mark.usefixtures("runs")
def test_intervals_are_learnt_from_a_genome_and_asked_in_fasta(tmp_path):
    genome = "".join(sequences(100, seed=2))
    places = [(s, "yes" if "CG" in genome[s : s + BASES] else "no") for s in range(0, len(genome) - BASES, 7)]
    (tmp_path / "genome.fa").write_text(f">chr1\n{genome}\n")
    (tmp_path / "peaks.bed").write_text("".join(f"chr1\t{s}\t{s + BASES}\t{label}\n" for s, label in places))
    run = small_run(path=str(tmp_path / "peaks.bed"), genome=str(tmp_path / "genome.fa"))
    result = train_in_process(run)
    told = evaluate(domain("genomics"), result["run_dir"], str(tmp_path / "peaks.bed"), json=True)
    assert told["rows"] == len(places)
    (tmp_path / "new.fa").write_text("".join(f">s{i}\n{b}\n" for i, b in enumerate(sequences(3, seed=3))))
    predict(domain("genomics"), result["run_dir"], str(tmp_path / "new.fa"), str(tmp_path / "out.csv"))
    rows = list(csv.DictReader((tmp_path / "out.csv").open()))
    assert [row["name"] for row in rows] == ["s0", "s1", "s2"]
    assert {row["label"] for row in rows} <= {"yes", "no"}
