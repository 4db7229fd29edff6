"""`evaluate`, `predict` and `export` on the small model, through the command line in this process."""

import csv
import gzip
import io
import json
import os
import queue
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from pipelines.cli import main
from pipelines.genomics import DOMAIN

from .conftest import ROOT, files_below, small_run, train_in_process, write_rows


@pytest.fixture
def genomics(monkeypatch, capfd):
    """`python -m pipelines.genomics ...` in this process: (exit code, stdout, stderr)."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["pipelines.genomics", *map(str, arguments)])
        kept = signal.getsignal(signal.SIGTERM)
        capfd.readouterr()
        try:
            with pytest.raises(SystemExit) as stop:
                main(DOMAIN)
        finally:
            signal.signal(signal.SIGTERM, kept)
        said = capfd.readouterr()
        return stop.value.code, said.out, said.err

    return run


def table(text):
    return list(csv.reader(io.StringIO(text)))


# --- predict


def test_predict_keeps_order_count_and_columns_and_adds_its_answers(genomics, trained, splice, tmp_path):
    rows = [[f"gene {i}, exon", sequence, label] for i, (sequence, label) in enumerate(splice[:41])]
    file = write_rows(tmp_path / "rows.csv", rows, ("note", "sequence", "label"))
    code, out, err = genomics("predict", trained.export, file)
    assert code == 0, err
    header, *answered = table(out)
    assert header == [
        "note", "sequence", "label", "predicted_label", "probabilities_EI", "probabilities_IE", "probabilities_N",
    ]  # fmt: skip
    assert [row[:3] for row in answered] == rows
    probabilities = np.array([row[4:] for row in answered], float)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=3e-6)  # six digits are written
    assert [row[3] for row in answered] == [["EI", "IE", "N"][i] for i in probabilities.argmax(1)]


def test_predict_reads_gzip_and_tabs_and_writes_the_same_answers(genomics, trained, splice, tmp_path):
    sequences = [sequence for sequence, _ in splice[:7]]
    plain = write_rows(tmp_path / "a.csv", [[s] for s in sequences], ["sequence"])
    packed = tmp_path / "b.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    tabbed = tmp_path / "c.tsv"
    tabbed.write_text("id\tsequence\n" + "".join(f"{i}\t{s}\n" for i, s in enumerate(sequences)))
    answers = [table(genomics("predict", trained.export, file)[1]) for file in (plain, packed, tabbed)]
    assert answers[0] == answers[1]
    assert [row[1:] for row in answers[2]] == answers[0]


def test_predict_into_a_file_tells_its_count(genomics, trained, splice, tmp_path):
    file = write_rows(tmp_path / "rows.csv", splice[:5])
    code, out, err = genomics("predict", trained.folder, file, "--out", tmp_path / "answers.csv", "--json")
    assert code == 0, err
    assert json.loads(out)["rows"] == 5
    assert len(table((tmp_path / "answers.csv").read_text())) == 6


def test_predict_writes_into_a_pipe_and_leaves_it_one(genomics, trained, splice, tmp_path):
    file = write_rows(tmp_path / "rows.csv", splice[:5])
    pipe, read = tmp_path / "pipe", queue.Queue()
    os.mkfifo(pipe)
    threading.Thread(target=lambda: read.put(pipe.read_text()), daemon=True).start()
    code, _, err = genomics("predict", trained.export, file, "--out", pipe)
    assert code == 0, err
    assert pipe.is_fifo()
    assert len(table(read.get(timeout=10))) == 6


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_wrong_letter_is_named_with_its_place_and_leaves_no_output(genomics, trained, splice, tmp_path, suffix):
    rows = [list(row) for row in splice[:9]]
    rows[3][0] = rows[3][0][:10] + "!" + rows[3][0][11:]
    file = write_rows(tmp_path / "rows.csv", rows)
    if suffix:
        (tmp_path / "rows.csv.gz").write_bytes(gzip.compress(file.read_bytes()))
    before = files_below(tmp_path)
    code, out, err = genomics("predict", trained.export, f"{file}{suffix}", "--out", tmp_path / "answers.csv")
    assert code == 2
    assert out == ""
    assert f"{file}{suffix}:5:sequence: unknown letter at position 11" in err
    assert "got '!'" in err
    assert files_below(tmp_path) == before


@pytest.mark.parametrize(("sequence", "told"), [("A" * 61, "too long; wanted 60"), ("A" * 59, "too short; wanted 60")])
def test_a_sequence_of_another_length_than_the_model_s_is_refused_with_its_line(
    genomics, trained, splice, tmp_path, sequence, told
):
    file = write_rows(tmp_path / "rows.csv", [*splice[:2], (sequence, "N")])
    code, _, err = genomics("predict", trained.export, file, "--out", tmp_path / "answers.csv")
    assert code == 2
    assert f"{file}:4:sequence: sequence {told}" in err


@pytest.mark.parametrize("out", ["/dev/full", "/proc/answers.csv", "no/such/folder/answers.csv", "."])
def test_a_place_that_cannot_be_written_is_told_in_one_sentence(genomics, trained, splice, tmp_path, out):
    file = write_rows(tmp_path / "rows.csv", splice[:2])
    code, _, err = genomics("predict", trained.export, file, "--out", out)
    assert code == 2
    assert f"error: {out}: cannot write" in err
    assert "Traceback" not in err


def test_predict_and_head_end_quietly(trained, splice, tmp_path):
    file = write_rows(tmp_path / "rows.csv", splice * 3)
    command = f"{sys.executable} -m pipelines.genomics predict {trained.export} {file} | head -n 2"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == ""
    assert done.returncode == 0


def test_predict_without_a_model_takes_the_champion(genomics, trained, splice, tmp_path, client):
    file = write_rows(tmp_path / "rows.csv", splice[:3])
    code, out, err = genomics("predict", file)
    assert code == 0, err
    assert len(table(out)) == 4


# --- evaluate


def test_evaluate_without_a_file_gives_the_run_s_own_test_scores(genomics, trained):
    code, out, err = genomics("evaluate", trained.folder, "--json")
    assert code == 0, err
    answer = json.loads(out)
    assert answer["scores"]["test"] == pytest.approx(trained.result["scores"]["test"], abs=1e-5)  # another graph
    assert "genomics version" in err


def test_evaluate_on_a_file_judges_its_rows(genomics, trained, splice, tmp_path):
    file = write_rows(tmp_path / "rows[bold].csv", splice[:29])
    code, out, err = genomics("evaluate", trained.export, file)
    assert code == 0, err
    assert f"on {file}: 29 rows" in " ".join(out.split())
    assert "accuracy" in out


def test_evaluate_refuses_a_label_that_the_model_does_not_know(genomics, trained, splice, tmp_path):
    file = write_rows(tmp_path / "rows.csv", [*splice[:3], (splice[3][0], "XX")])
    code, _, err = genomics("evaluate", trained.export, file)
    assert code == 2
    assert f"{file}:5:label: label unseen in training; wanted one of EI, IE, N, got 'XX'" in err


# --- export


@pytest.mark.parametrize("model", ["", "folder"])
def test_export_copies_to_name_and_version_where_a_server_looks(genomics, trained, tmp_path, model):
    words = [trained.folder] if model else []
    code, out, err = genomics("export", *words, "--out", tmp_path / "served", "--json")
    assert code == 0, err
    answer = json.loads(out)
    target = tmp_path / "served" / "genomics" / answer["version"]
    assert answer["export"] == str(target)
    assert (target / "saved_model.pb").exists()
    before = files_below(tmp_path)

    code, _, err = genomics("export", *words, "--out", tmp_path / "served")
    assert code == 2
    assert f"{target}: there already" in err
    assert files_below(tmp_path) == before


def test_an_export_that_was_altered_is_refused(genomics, trained, tmp_path):
    code, _, err = genomics("export", trained.folder, "--out", tmp_path)
    assert code == 0, err
    (changed,) = tmp_path.rglob("saved_model.pb")
    changed.write_bytes(changed.read_bytes() + b"!")
    code, _, err = genomics("evaluate", changed.parent)
    assert code == 2
    assert "is not the file that was exported" in err


@pytest.mark.parametrize("model", ["models:/nobody@champion", "no-folder-at-all"])
def test_a_model_that_does_not_exist_is_refused(genomics, few, model):
    code, _, err = genomics("predict", model, few)
    assert code == 2
    assert model in err
    assert "Traceback" not in err


# --- sequences of several lengths


@pytest.fixture(scope="module")
def lengths(splice, tmp_path_factory):
    """Rows of 40 to 60 bases."""
    rows = [(sequence[: 40 + i % 21], label) for i, (sequence, label) in enumerate(splice[5 : 5 + 190 * 16 : 16])]
    return write_rows(tmp_path_factory.mktemp("lengths") / "lengths.csv", rows)


@pytest.fixture(scope="module")
def varied(lengths):
    return train_in_process(small_run(path=str(lengths)), name="varied")


def test_answers_do_not_depend_on_what_else_is_in_the_file(genomics, varied, splice, tmp_path):
    short, long = splice[0][0][:41], splice[1][0]
    alone = write_rows(tmp_path / "alone.csv", [[short]], ["sequence"])
    mixed = write_rows(tmp_path / "mixed.csv", [[long], [short], [long[:50]]], ["sequence"])
    answers = [table(genomics("predict", varied["export"], file)[1]) for file in (alone, mixed)]
    one, other = answers[0][1], answers[1][2]
    assert one[:2] == other[:2]
    np.testing.assert_allclose(np.array(one[2:], float), np.array(other[2:], float), atol=2e-6)  # six digits


def test_a_sequence_longer_than_any_in_training_is_refused_with_its_line(genomics, varied, splice, tmp_path):
    file = write_rows(tmp_path / "rows.csv", [["ACGT"], ["A" * 61]], ["sequence"])
    code, _, err = genomics("predict", varied["export"], file)
    assert code == 2
    assert f"{file}:3:sequence: sequence too long; wanted 1 to 60 bases, as in training, got 61" in err


def test_evaluate_makes_the_test_rows_of_several_lengths_again(genomics, varied):
    code, out, err = genomics("evaluate", varied["run_dir"], "--json")
    assert code == 0, err
    assert json.loads(out)["scores"]["test"] == pytest.approx(varied["scores"]["test"], abs=1e-5)
