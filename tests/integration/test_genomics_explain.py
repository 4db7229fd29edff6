"""What `explain` writes, where, and under which names, of networks whose answers are known without a training."""

import csv
import json
import os
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

from arch.dna import OneHotBases
from data.errors import BadInput
from data.planted import plant
from data.sequences import decode, encode, other_strand
from pipelines.domain import domain
from pipelines.genomics import explain, logos, motif_tables
from pipelines.genomics.explain import Asked, ExplainFlags
from pipelines.genomics.explainer import Explainer
from pipelines.genomics.importance import Explained, answers
from pipelines.genomics.motifs import Motif, Place
from pipelines.serve.folder import open_export

UP, DOWN = "GCCACCAGGG", "AAAGAGGAAG"
LENGTH = 180
PROGRAM = "python -m pipelines.genomics"


def found(bases, motif):
    """How far the best match of a motif is beyond half of it."""
    convolution = layers.Conv1D(1, len(motif), activation="relu")
    scores = convolution(bases)
    kernel = np.eye(4)[["ACGT".index(letter) for letter in motif]][..., None]
    convolution.set_weights([kernel, np.array([-len(motif) / 2])])
    return layers.GlobalMaxPooling1D()(scores)


def network(target):
    """What has UP is raised, what has DOWN is lowered; of classes and labels the first one."""
    codes = keras.Input((LENGTH,), dtype="uint8", name="sequence")
    bases = OneHotBases(name="bases")(codes)
    score = layers.Subtract()([found(bases, UP), found(bases, DOWN)])
    outputs = score if target == "value" else layers.Concatenate()([score, layers.Rescaling(-1.0)(score)])
    return keras.Model({"sequence": codes}, outputs)


@pytest.fixture(scope="module")
def asked():
    """Sequences a third of which have one motif, and a third the other, on the strand that is read."""
    rng = np.random.default_rng(0)
    texts = []
    for number in range(30):
        text = rng.choice(list("ACGT"), LENGTH)
        motif, at = ("", UP, DOWN)[number % 3], rng.integers(0, LENGTH - 10)
        text[at : at + len(motif)] = list(motif)
        texts.append("".join(text))
    return Asked([f"s{row}" for row in range(30)], encode(texts)[np.arange(30)])


def explained(asked, out, target="class", names=("yes", "no"), **flags):
    """The first answer of a network."""
    about = {"shortest": LENGTH, "length": LENGTH, "target": target}
    flags = ExplainFlags(out=str(out), **{"draw": 1, "width": 11, **flags})
    model = network(target)
    metadata = {"data": about, **({} if target == "value" else {"classes": list(names)})}
    one = Explainer(model, metadata, flags)
    return one.answer(*one.answers()[0], asked, answers(model, asked.codes))


def rows_of(path):
    with Path(path).open() as file:
        return list(csv.DictReader(file))


def test_whatever_a_class_is_called_it_is_drawn(asked, tmp_path):
    folders = []
    for name in (r"$\bad$ ü", "é" * 600, "é" * 599 + "è", "a/b $"):
        told = explained(asked, tmp_path, names=(name, "no"))
        assert all(Path(path).is_file() for path in (*told["figures"], *told["tables"], told["meme"]))
        folders.append(Path(told["folder"]))
    assert all(len(os.fsencode(folder.name)) <= 120 for folder in folders)
    assert sorted(tmp_path.iterdir()) == sorted(folders)
    assert len(set(folders)) == 4


def test_what_raises_a_value_and_what_lowers_it_is_told(asked, tmp_path):
    told = explained(asked, tmp_path, "value", rows=10)
    assert [(motif["name"], motif["effect"]) for motif in told["motifs"]] == [
        ("value_1", "raises"),
        ("value_lowers_1", "lowers"),
    ]
    raises, lowers = (motif["consensus"] for motif in told["motifs"])
    assert UP in raises
    assert DOWN in lowers
    assert told["rows"] == 20
    assert [Path(path).name for path in told["figures"][2:]] == ["motifs.png", "motifs_lowering.png"]
    assert f"raised by {raises} (" in explain._line(told)
    assert f"lowered by {lowers} (" in explain._line(told)
    strengths = {row["motif"]: float(row["strength"]) for row in rows_of(Path(told["folder"], "motif_places.csv"))}
    assert strengths["value_1"] > 0 > strengths["value_lowers_1"]
    assert "MOTIF value_lowers_1\n" in Path(told["meme"]).read_text()
    json.dumps(told)


def test_of_a_class_is_told_what_speaks_for_it_and_of_a_label_both(asked, tmp_path):
    assert {motif["effect"] for motif in explained(asked, tmp_path)["motifs"]} == {"raises"}
    told = explained(asked, tmp_path, "labels", label="yes")
    assert {motif["effect"] for motif in told["motifs"]} == {"raises", "lowers"}


@pytest.mark.parametrize("method", ["mutagenesis", "gradients"])
def test_the_numbers_of_the_figures_are_written(asked, tmp_path, method):
    told = explained(asked, tmp_path, method=method)
    contributions, places = (rows_of(path) for path in told["tables"])
    texts = decode(asked.codes)
    row = int(contributions[0]["row"]) - 1
    assert {one["name"] for one in contributions} == {f"s{row}"}
    assert [int(one["position"]) for one in contributions] == list(range(1, LENGTH + 1))
    assert "".join(one["base"] for one in contributions) == texts[row]
    if method == "mutagenesis":
        for one in contributions:
            effects = [float(one[f"to_{base}"]) for base in "ACGT" if base != one["base"]]
            assert one[f"to_{one['base']}"] == ""
            assert float(one["contribution"]) == pytest.approx(-sum(effects) / 3, abs=1e-5)
    else:
        assert "to_A" not in contributions[0]
    hits = 0
    for place in places:
        bases = texts[int(place["row"]) - 1][int(place["start"]) - 1 : int(place["end"])]
        hits += UP in (bases if place["strand"] == "+" else other_strand(bases))
    assert hits >= 8
    assert len(places) == sum(motif["windows"] for motif in told["motifs"])


def test_a_motif_that_hangs_over_an_end_has_places_within_its_sequence(tmp_path):
    motif = Motif(np.full((7, 4), 0.25), np.zeros((7, 4)), 2, 1.0, [Place(0, -2, "+", 1.0), Place(0, 6, "-", 2.0)])
    sequence = Explained(0, "a", "ACGTACGTAC", np.zeros(10), np.zeros((10, 4)))
    rows = rows_of(motif_tables.places_table([("m", motif)], {0: sequence}, tmp_path / "a.csv"))
    assert [(row["start"], row["end"], row["strand"]) for row in rows] == [("1", "5", "+"), ("7", "10", "-")]


def test_a_title_says_which_sequence_which_part_and_what_score(asked, tmp_path, monkeypatch):
    titles = []

    def saved(figure, path):
        titles.append(figure.axes[0].get_title(loc="left"))
        return path

    monkeypatch.setattr(logos, "saved", saved)
    one = asked._replace(names=["chr1:10-190$" for _ in asked.names])
    for target, score in (("class", "log odds of yes"), ("value", "value")):
        explained(one, tmp_path, target, motifs=0)
        first, second = titles.pop(0).split("\n")
        assert first.startswith(r"chr1:10-190\$, bases ")
        begin, end = first.split(", bases ")[1].removesuffix(" of 180").split(" to ")
        assert int(end) - int(begin) == 149
        assert second.startswith(f"{score}: ")
        titles.clear()


def test_sequences_are_named_so_that_they_are_found_again(trained, tmp_path):
    genomics, metadata = domain("genomics"), dict(open_export(str(trained.export)).metadata)
    length = metadata["data"]["length"]
    some = tmp_path / "a.fa"
    some.write_text("".join(f">{name} more\n{'ACGTC' * (length // 5)}\n" for name in ("peak7", "chr2:3-9(-)")))
    assert explain._of_file(genomics, str(some), metadata).names == ["peak7", "chr2:3-9(-)"]
    table = tmp_path / "a.csv"
    table.write_text("sequence,name\n" + f"{'A' * length},x\n{'C' * length},\n")
    assert explain._of_file(genomics, str(table), metadata).names == ["x", "row 2"]
    made = plant(tmp_path, intervals=8, width=length, chromosomes=1, changes=0)
    data = {**metadata["run"]["data"], "genome": str(made.genome)}
    metadata = {**metadata, "run": {**metadata["run"], "data": data}}
    named = explain._of_file(genomics, str(made.intervals), metadata).names
    assert named[0] == f"chr1:{length // 2}-{length // 2 + length}"
    bed = made.intervals.with_name("minus.bed")
    bed.write_text(f"chr1\t5\t{length + 5}\ta\t0\t-\n")
    assert explain._of_file(genomics, str(bed), metadata).names == [f"chr1:5-{length + 5}(-)"]
    assert explain._of_run(genomics, open_export(str(trained.export))).names[:2] == ["test row 1", "test row 2"]


def test_figures_of_an_earlier_explain_do_not_stay_among_the_new(asked, tmp_path):
    folder = tmp_path / "yes"
    (folder / "sequence7.png").mkdir(parents=True)
    own = ["sequence999.png", "motifs_lowering.png", "motifs.png", "motifs.meme", "motif_places.csv"]
    others = ["sequence.png", "sequence1.png.txt", "notes.txt", "my_motifs.png", "contributions.tsv"]
    for name in own + others:
        (folder / name).write_text("old")
    told = explained(asked, tmp_path, motifs=0)
    left = {path.name for path in folder.iterdir()}
    assert left == {*others, "sequence7.png", "contributions.csv", Path(told["figures"][0]).name}
    none = asked._replace(codes=asked.codes[2::3], names=asked.names[2::3])
    told = explained(none, tmp_path)
    assert told["rows"] == 0
    assert "no sequence has it" in explain._line(told)
    assert {path.name for path in folder.iterdir()} == {*others, "sequence7.png"}


def test_where_writing_fails_no_empty_folder_stays(asked, tmp_path, monkeypatch):
    for error, told in ((OSError(28, "No space left"), BadInput), (KeyboardInterrupt(), KeyboardInterrupt)):

        def fail(*_, error=error):
            raise error

        monkeypatch.setattr(logos, "track", fail)
        with pytest.raises(told):
            explained(asked, tmp_path / "a" / "b")
        assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_is_refused_before_the_model_is_looked_for(tmp_path):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "sub", tmp_path / "file" / "sub" / "sub"):
        with pytest.raises(BadInput, match=r"a file is there; wanted --out FOLDER, got .*file$"):
            explain.main(domain("genomics"), ["no_such_model", "no_such_file", "--out", str(out)], PROGRAM)
    with pytest.raises(BadInput, match="no folder can be there; wanted --out FOLDER, got File name too long"):
        explain.main(domain("genomics"), ["no_such_model", "no_such_file", "--out", "a" * 300], PROGRAM)


def test_no_figure_or_table_takes_the_place_of_what_is_read_or_of_a_file(trained, tmp_path):
    (tmp_path / "EI").mkdir()
    table = tmp_path / "EI" / "contributions.csv"
    length = open_export(str(trained.export)).metadata["data"]["length"]
    table.write_text(f"sequence\n{'A' * length}\n")
    arguments = [str(trained.folder), str(table), "--out", str(tmp_path)]
    with pytest.raises(BadInput, match="would take the place of what is read"):
        explain.main(domain("genomics"), arguments, PROGRAM)
    (tmp_path / "IE").write_text("")
    with pytest.raises(BadInput, match="a file is there"):
        explain.main(domain("genomics"), [*arguments, "--label", "IE"], PROGRAM)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["EI", "IE", "contributions.csv"]


def test_the_help_says_what_a_file_may_be_and_what_the_score_is(capsys):
    with pytest.raises(SystemExit):
        explain.main(domain("genomics"), ["--help"], PROGRAM)
    said = " ".join(capsys.readouterr().out.split())
    for words in ("FILE is what predict takes", "the run's own test rows are explained", "log odds of a class"):
        assert words in said
