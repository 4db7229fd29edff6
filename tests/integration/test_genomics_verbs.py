"""`explain` and `variants` on a made-up genome whose truth is known, by the served model of a short training."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from data.errors import BadInput
from data.planted import plant
from pipelines.domain import domain
from pipelines.genomics import explain, variants
from pipelines.run import Model
from pipelines.verbs import predict

from .conftest import small_run, train_in_process

PROGRAM = "python -m pipelines.genomics"


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """A planted genome and a convnet that has learnt its motifs."""
    folder = tmp_path_factory.mktemp("planted")
    made = plant(folder, intervals=1000, width=50, changes=100)
    run = small_run(path=str(made.intervals), genome=str(made.genome), strands="both")
    run = run.with_(
        model=Model("cnn", {"widths": (16,), "kernel_size": (13,), "pool": "max", "pool_size": 1}),
        fit=replace(run.fit, epochs=25, learning_rate=0.02, batch_size=64),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INDUCTIVE_RUNS", str(folder / "runs"))
        yield made, train_in_process(run)["run_dir"]


def test_changes_that_break_a_motif_count_most(known, tmp_path):
    made, run = known
    out, unscored = tmp_path / "effects.csv", tmp_path / "unscored.csv"
    wrong = tmp_path / "changes.vcf"
    wrong.write_text(made.changes.read_text() + "chr1\t1\tno\tN\tA\n" + "chr7\t1\tno\tA\tC\n")
    flags = ["--out", str(out), "--unscored", str(unscored), "--json"]
    told = variants.main(domain("genomics"), [run, str(wrong), *flags], PROGRAM)
    assert (told["scored"], told["unscored"]) == (100, 2)
    rows = list(csv.DictReader(out.open()))
    assert list(rows[0]) == [
        *("chrom", "pos", "id", "ref", "alt", "reference_bound", "reference_unbound"),
        *("effect_bound", "effect_unbound", "strongest"),
    ]
    effects = {kind: [float(r["strongest"]) for r in rows if r["id"].startswith(kind)] for kind in ("breaks", "else")}
    assert np.mean(np.array(effects["breaks"])[:, None] > np.array(effects["else"])) > 0.9
    assert np.mean([float(r["effect_bound"]) < 0 for r in rows if r["id"].startswith("breaks")]) > 0.9
    assert [row["why"] for row in csv.DictReader(unscored.open())][1] == "no chromosome 'chr7' in the genome"


def test_on_stdout_the_table_stands_alone(known, capsys):
    made, run = known
    variants.main(domain("genomics"), [run, str(made.changes)], PROGRAM)
    said = capsys.readouterr()
    assert {len(row) for row in csv.reader(said.out.splitlines())} == {10}
    assert "100 changes scored" in said.err


def test_a_file_of_which_nothing_can_be_scored_leaves_nothing(known, tmp_path, capsys):
    _, run = known
    changes, out = tmp_path / "a.csv", tmp_path / "out.csv"
    changes.write_text("chrom,pos,ref,alt\n7,1,A,C\n")
    with pytest.raises(BadInput, match=r"no change can be made in the genome.*line 2: no chromosome '7'"):
        variants.main(domain("genomics"), [run, str(changes), "--out", str(out)], PROGRAM)
    assert not out.exists()
    unscored = tmp_path / "unscored.csv"
    with pytest.raises(BadInput, match="no change can be made"):
        variants.main(domain("genomics"), [run, str(changes), "--unscored", str(unscored)], PROGRAM)
    assert unscored.read_text().splitlines()[1:] == ["7,1,,A,C,2,no chromosome '7' in the genome"]
    with pytest.raises(BadInput, match="variants: a file is needed"):
        variants.main(domain("genomics"), [], PROGRAM)
    for flags in (["--out", str(changes)], ["--out", str(out), "--unscored", str(out)]):
        with pytest.raises(
            BadInput, match="one file is named twice; wanted FILE, --out and --unscored each of its own"
        ):
            variants.main(domain("genomics"), [run, str(changes), *flags], PROGRAM)
    assert changes.read_text().startswith("chrom")
    with pytest.raises(BadInput, match=r"no file of changes; wanted .*, got the folder"):
        variants.main(domain("genomics"), [run], PROGRAM)
    changes.write_text("chrom,pos,ref,alt\nchr1,0,A,C\n")
    with pytest.raises(BadInput, match="not a position"):
        variants.main(domain("genomics"), [run, str(changes)], PROGRAM)
    assert capsys.readouterr().out == ""
    with pytest.raises(BadInput, match="stdout is for JSON"):
        variants.main(domain("genomics"), [run, str(changes), "--json"], PROGRAM)


def test_rows_that_are_mostly_unknown_are_told_beside_their_answers(known, tmp_path, capsys):
    _, run = known
    some = tmp_path / "some.fa"
    some.write_text(f">one\n{'N' * 26}{'ACGT' * 6}\n>two\n{'N' * 25}{'ACGTA' * 5}\n")
    predict(domain("genomics"), run, str(some), str(tmp_path / "out.csv"))
    assert "1 row of which most letters are N or stand for several bases" in capsys.readouterr().err
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 3


def test_what_is_read_is_never_written_over(known, tmp_path):
    made, run = known
    genome = tmp_path / "genome.fa"
    genome.write_bytes(made.genome.read_bytes())
    link = tmp_path / "another_name.fa"
    link.symlink_to(genome)
    some = tmp_path / "some.fa"
    some.write_text(">one\n" + "ACGTC" * 10 + "\n")
    genomics, kept = domain("genomics"), [genome.read_bytes(), some.read_bytes(), made.intervals.read_bytes()]
    refused = pytest.raises(BadInput, match="the output would take the place of what is read")
    for out in (genome, link, f"{genome}.fai", made.genome):
        for flag in ("--out", "--unscored"):
            with refused:
                variants.main(genomics, [run, str(made.changes), "--genome", str(genome), flag, str(out)], PROGRAM)
    for out in (some, made.intervals):
        with refused:
            predict(genomics, run, str(some), str(out))
    assert [genome.read_bytes(), some.read_bytes(), made.intervals.read_bytes()] == kept


@pytest.mark.parametrize("method", ["mutagenesis", "gradients"])
def test_motifs_that_were_planted_are_told(known, tmp_path, method, capsys):
    _, run = known
    flags = ["--label", "bound", "--rows", "60", "--draw", "1", "--method", method, "--out", str(tmp_path), "--json"]
    told = explain.main(domain("genomics"), [run, *flags], PROGRAM)
    (answer,) = told["answers"]
    found = " ".join(motif["consensus"].upper() for motif in answer["motifs"])
    assert any(core in found for core in ("CCAGGGGG", "CCCCCTGG"))
    assert any(core in found for core in ("GAGGAAGT", "ACTTCCTC"))
    assert {p.name for p in (tmp_path / "bound").iterdir()} >= {"motifs.png", "motifs.meme"}
    assert len(answer["figures"]) == 2
    json.dumps(told)
    assert "bound:" in capsys.readouterr().err


def test_a_motif_is_never_wider_than_its_sequences(known, tmp_path):
    _, run = known
    flags = [
        "--label",
        "bound",
        "--rows",
        "20",
        "--draw",
        "0",
        "--width",
        "99",
        "--motifs",
        "1",
        "--out",
        str(tmp_path),
    ]
    (answer,) = explain.main(domain("genomics"), [run, *flags], PROGRAM)["answers"]
    assert [len(motif["consensus"]) for motif in answer["motifs"]] == [50]


def test_what_cannot_be_explained_is_refused(known, tmp_path):
    _, run = known
    for flags, message in [
        (["--label", "bond"], "unknown label, did you mean 'bound'"),
        (["--width", "3"], "width cannot work; wanted 7 or more, got 3"),
        (["--rows", "0"], "rows cannot work; wanted 1 or more, got 0"),
        (["--draw", "-1"], "draw cannot work; wanted 0 or more, got -1"),
        (["--method", "magic"], "unknown method; wanted one of mutagenesis, gradients"),
    ]:
        with pytest.raises(BadInput, match=message):
            explain.main(domain("genomics"), [run, *flags, "--out", str(tmp_path)], PROGRAM)
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="a file is there; wanted --out FOLDER"):
        explain.main(domain("genomics"), [run, "--out", str(tmp_path / "file")], PROGRAM)


def test_whatever_a_label_is_called_its_figures_stay_below_the_folder_that_was_asked_for(tmp_path):
    from pipelines.genomics.answer_folder import name_of_folder
    from pipelines.genomics.motif_tables import meme
    from pipelines.genomics.motifs import Motif

    labels = ("a/b", "a_b", "a%2Fb", "..", "a.b")
    assert [name_of_folder(label) for label in labels] == ["a%2Fb", "a_b", "a%252Fb", "%2E%2E", "a.b"]
    motif = Motif(np.full((1, 4), 0.25), np.zeros((1, 4)), 2, 1.0)
    assert "MOTIF a_b_1\n" in meme([("a_b_1", motif)], tmp_path / "a.meme").read_text()
