"""Files that cannot be learnt from, a runs folder that cannot be filled: one sentence, exit 2, nothing left behind."""

import itertools
import json
import shutil
import signal
import subprocess
import sys

import pytest

from pipelines.cli import main
from pipelines.genomics import DOMAIN

from .conftest import EMBEDDED, ROOT

GOOD = [b"sequence,label\n", *(b"ACGTACGTAC,%d\n" % (i % 2) for i in range(20))]

FAULTS = {
    "an empty file": ([], ":1: empty file"),
    "a missing column": ([b"seqence,label\n", *GOOD[1:]], ":1: no column 'sequence' (did you mean 'seqence'?)"),
    "an unknown letter": ([*GOOD[:4], b"ACGTACGXAC,1\n", *GOOD[5:]], ":5:sequence: unknown letter at position 8"),
    "one class only": ([GOOD[0], *GOOD[1::2]], ":2:label: one class only"),
    "a ragged row": ([*GOOD[:6], b"ACGTACGTAC,1,9\n", *GOOD[6:]], ":7: row of another length"),
    "another encoding": ([*GOOD[:6], b"ACGTACGTAC,\xe9\n"], ":7: wrong encoding at byte 12 of the line"),
    "an empty label": ([*GOOD[:6], b"ACGTACGTAC,\n"], ":7:label: empty label"),
    "an empty sequence": ([*GOOD[:6], b",1\n"], ":7:sequence: empty sequence"),
    "a header alone": (GOOD[:1], ":2: no rows after the header"),
    "a contradiction in every row": (
        [GOOD[0], b"ACGT,a\n", b"ACGT,b\n"],
        ": no row is left without its duplicates",
    ),
}


@pytest.fixture
def train(monkeypatch, capfd, own_runs):
    """`train` through the command line in this process: (exit code, stdout, stderr), and nothing may be left."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["pipelines.genomics", "train", *map(str, arguments)])
        kept = signal.getsignal(signal.SIGTERM)
        capfd.readouterr()
        try:
            with pytest.raises(SystemExit) as stop:
                main(DOMAIN)
        finally:
            signal.signal(signal.SIGTERM, kept)
        said = capfd.readouterr()
        assert not list(own_runs.glob("genomics/*")), "a run was left behind"
        return stop.value.code, said.out, said.err

    return run


def refused(answer, told):
    code, out, err = answer
    assert code == 2
    assert out == ""
    assert "Traceback" not in err
    assert len(err.strip().splitlines()) == 1
    assert told in err


@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_that_cannot_be_learnt_from_is_told_with_its_place(fault, train, tmp_path):
    lines, told = FAULTS[fault]
    file = tmp_path / "rows.csv"
    file.write_bytes(b"".join(lines))
    refused(train("--data.path", file), f"error: {file}{told}")


def test_gzip_cut_short_is_told_with_the_line_where_it_ends(train, tmp_path):
    whole = EMBEDDED.read_bytes()
    file = tmp_path / "rows.csv.gz"
    file.write_bytes(whole[: len(whole) // 2])
    refused(train("--data.path", file), ": gzip cut short; wanted the whole file")


def test_a_label_unseen_in_training_is_named_with_its_place(train, tmp_path):
    for name, labels in (("train", "ab"), ("test", "abc")):
        sequences = ["".join(bases) for bases in itertools.product("ACGT", repeat=3)]
        rows = [f"{sequence},{labels[i % len(labels)]}\n" for i, sequence in enumerate(sequences)]
        (tmp_path / f"{name}.csv").write_text("sequence,label\n" + "".join(rows))
    place = f"{tmp_path}/test.csv:4:label: label unseen in training; wanted one of a, b, got 'c'"
    refused(train("--data.train", tmp_path / "train.csv", "--data.test", tmp_path / "test.csv"), place)


def test_with_json_the_place_is_a_field_of_its_own(train, tmp_path):
    file = tmp_path / "rows.csv"
    file.write_bytes(b"".join(FAULTS["an unknown letter"][0]))
    code, out, _ = train("--data.path", file, "--json")
    error = json.loads(out)["error"]
    assert code == 2
    assert error["where"] == f"{file}:5:sequence"
    assert error["got"] == "'X'"


def test_an_architecture_that_refuses_the_data_says_why(train, tmp_path):
    code, _, err = train("cnn", "--model.depth", "0", "--json")
    assert code == 2
    assert "error: the architecture refuses: cnn: depth" in err
    assert "Traceback" not in err


def test_a_store_that_cannot_be_reached_stops_the_command_before_it_trains(train, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    answer = train("cnn")
    assert "secret" not in answer[2]
    refused(answer, "error: http://127.0.0.1:9: the MLflow store does not answer")


FULL = """
mount -t tmpfs -o size={size} none {folder} || exit 77
shift
INDUCTIVE_RUNS={folder}/runs "$@"
code=$?
find {folder} -name saved_model.pb >&2
exit $code
"""


@pytest.mark.parametrize(("size", "epochs"), [("4k", 1), ("1300k", 1)])
def test_a_full_disk_is_told_and_leaves_no_half_export(few, tmp_path, size, epochs):
    if not shutil.which("unshare"):
        pytest.skip("unshare is not installed")
    script = FULL.format(size=size, folder=tmp_path)
    train = [
        sys.executable, "-m", "pipelines.genomics", "train", "cnn", "--data.path", str(few), "--fit.epochs", str(epochs)
    ]  # fmt: skip
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", "-", *train], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode == 77 or "Operation not permitted" in done.stderr:
        pytest.skip("a file system of its own cannot be mounted here")
    assert done.returncode in (1, 2), done.stderr
    assert "No space left on device" in done.stderr or "disk is full" in done.stderr
    assert "saved_model.pb" not in done.stderr
    assert "Traceback" not in done.stderr
