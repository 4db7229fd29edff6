"""Changes of a genome: what is read, which cannot be made, and the sequences that a model is asked about."""

import os
from threading import Thread

import numpy as np
import pytest

from data.errors import BadInput
from data.genome import Genome
from data.planted import MOTIFS, plant
from data.sequences import other_strand
from data.variants import Variant, haplotypes, read_variants, stands_one_on, why_not
from pipelines.genomics.variants import Told, class_odds, effects, label_odds
from pipelines.measures import share_interval

CHR1 = "ACGTTGCAACGTCCACGTGTACCATG"


@pytest.fixture
def genome(tmp_path):
    (tmp_path / "genome.fa").write_text(f">chr1\n{CHR1}\n")
    return Genome(str(tmp_path / "genome.fa"))


def at(position, ref, alt, chromosome="chr1"):
    return Variant(2, chromosome, position, ref, alt)


def test_vcf_and_tables_say_the_same(tmp_path):
    vcf, table = tmp_path / "a.vcf", tmp_path / "a.csv"
    vcf.write_text("##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\nchr1\t3\trs1\tG\tA,GT\nchr1\t5\t.\tTG\tT\n")
    table.write_text("chrom,pos,ref,alt,id\nchr1,3,G,A,rs1\nchr1,3,G,GT,rs1\nchr1,5,TG,T,\n")
    wanted = [("chr1", 3, "G", "A", "rs1"), ("chr1", 3, "G", "GT", "rs1"), ("chr1", 5, "TG", "T", "")]
    assert [tuple(v[1:]) for v in read_variants(str(vcf))] == wanted
    assert [tuple(v[1:]) for v in read_variants(str(table))] == wanted
    assert [v.line for v in read_variants(str(vcf))] == [3, 3, 4]


def test_vcf_is_known_by_its_name_and_read_once(tmp_path):
    line = "chr1\t3\trs1\tG\tA\n"
    for name, text in [("bare.vcf", line), ("other.txt", "##source=us\n#CHROM\tPOS\tID\tREF\tALT\n" + line)]:
        (tmp_path / name).write_text(text)
        assert [v.identifier for v in read_variants(str(tmp_path / name))] == ["rs1"]
    pipe = tmp_path / "pipe.vcf"
    os.mkfifo(pipe)
    writer = Thread(target=pipe.write_text, args=[line])
    writer.start()
    assert [v.position for v in read_variants(str(pipe))] == [3]
    writer.join()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("chrom,pos,ref,alt\nchr1,0,A,C\n", ":2:pos: not a position; wanted a whole number from 1, got '0'"),
        ("chrom,pos,ref\nchr1,1,A\n", ":1: no column 'alt'"),
        ("#CHROM\tPOS\tID\tREF\tALT\n", ": no change; wanted lines of CHROM, POS, ID, REF and ALT"),
        ("#CHROM\tPOS\tID\tREF\tALT\nchr1\t7\n", ":2: too few columns; wanted CHROM, POS, ID, REF and ALT"),
    ],
)
def test_each_fault_has_its_line(tmp_path, text, message):
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(BadInput) as error:
        list(read_variants(str(path)))
    assert str(error.value).startswith(f"{path}{message}")


def test_why_a_change_cannot_be_made_is_told(genome):
    assert why_not(at(1, "A", "G"), genome) == ""
    assert why_not(at(1, "a", "g"), genome) == ""
    assert why_not(at(1, "C", "G"), genome) == "the genome has A, not C"
    assert why_not(at(1, "T", "G"), genome) == "the genome has A, not T"
    assert why_not(at(26, "GA", "G"), genome) == "beyond the end of chr1, 26"
    assert why_not(at(1, "A", "<DEL>"), genome) == "alt is '<DEL>', not bases"
    assert why_not(at(1, "A", "*"), genome) == "alt is '*', not bases"
    assert why_not(at(1, "A", "C", "chr9"), genome) == "no chromosome 'chr9' in the genome"
    assert why_not(at(1, "A", "C", "1"), genome) == "no chromosome '1' in the genome, which has chr1"
    one_on = [at(1, "C", "G"), at(1, "T", "G"), at(25, "G", "A"), at(26, "G", "A"), at(1, "C", "G", "chr9")]
    assert [stands_one_on(change, genome) for change in one_on] == [True, False, True, False, False]


def test_a_file_that_counts_from_0_is_asked_about():
    told, bad = Told(), (at(7, "A", "C"), "the genome has G, not A")
    assert told.fault == ""
    told.add(3, [bad], 0)
    assert told.fault == "line 2: the genome has G, not A"
    told.add(0, [bad] * 4, 2)
    assert told.fault == "line 2: the genome has G, not A"
    told.add(0, [bad], 1)
    assert told.fault == "line 2: the genome has G, not A"  # half of them are no rule
    assert (told.scored, told.unscored) == (3, 6)
    told.add(0, [bad], 1)
    assert told.fault.endswith("not A; 4 could be made one base on: does the file count from 0?")


@pytest.mark.parametrize(("width", "position"), [(7, 13), (8, 13), (7, 2), (7, 25), (60, 13)])
@pytest.mark.parametrize(("length", "alt"), [(1, "A"), (1, "TTAC"), (3, "G"), (9, "A"), (1, "ACGTACGTACGT")])
def test_sequences_are_the_genome_without_and_with_the_change(genome, width, position, length, alt):
    ref = CHR1[position - 1 : position - 1 + length]
    before, after = haplotypes(at(position, ref, alt), genome, width)
    padded, first = "N" * 99 + CHR1 + "N" * 99, 99 + position - 1 - width // 2
    changed = padded[: 99 + position - 1] + alt + padded[99 + position - 1 + len(ref) :]
    assert before == padded[first : first + width]
    assert after == changed[first : first + width]


def test_odds_are_exact_where_a_probability_is_nearly_one():
    p = np.array([[1.0, 1e-20, 0.0], [0.5, 0.25, 0.25]])
    odds = class_odds(p)
    assert odds[0, 0] == pytest.approx(20 * np.log(10))
    assert odds[0, 1] == pytest.approx(-20 * np.log(10))
    np.testing.assert_allclose(odds[1], np.log([1, 1 / 3, 1 / 3]))
    np.testing.assert_allclose(label_odds(np.array([[0.5, 0.2]])), [[0, np.log(0.25)]])
    assert np.isfinite(odds).all()


def test_odds_of_labels_are_those_of_the_float_that_is_served():
    logits = np.array([[-80.0, -20.0, -3.0, 0.0, 7.0, 14.0, 90.0]])
    served = (1 / (1 + np.exp(-logits))).astype(np.float32)
    np.testing.assert_allclose(label_odds(served)[:, :4], logits[:, :4], atol=1e-5)
    np.testing.assert_allclose(label_odds(served)[:, 4:6], logits[:, 4:6], atol=0.05)  # float32 steps by 6e-8 below 1
    assert label_odds(served)[0, 6] == pytest.approx(25 * np.log(2))


def distance(text, motif):
    """Bases that differ where the motif fits best."""
    places = range(len(text) - len(motif) + 1)
    return min(sum(a != b for a, b in zip(text[place:], motif, strict=False)) for place in places)


def test_planted_intervals_and_changes_are_what_they_say(tmp_path):
    made = plant(tmp_path, chromosomes=2, intervals=12, width=60, changes=20)
    genome = Genome(str(made.genome))
    both = [*MOTIFS, *("".join({"A": "T", "C": "G", "G": "C", "T": "A"}[b] for b in m[::-1]) for m in MOTIFS)]
    lines = [line.split("\t") for line in made.intervals.read_text().split("\n") if line]
    assert len(lines) == 12
    wrong = []
    for chromosome, start, end, label in lines:
        text = genome.bases(chromosome, int(start), int(end))
        nearest = min(distance(text, motif) for motif in both)
        assert nearest == 0 if label == "bound" else nearest > 0
        wrong.append(nearest)
    assert wrong.count(1) == 4  # of the unbound, every second of a chromosome misses one base
    for variant in read_variants(str(made.changes)):
        assert why_not(variant, genome) == ""
        before, after = haplotypes(variant, genome, 25)
        held = [motif for motif in both if motif in before]
        if variant.identifier.startswith("breaks"):
            assert held
            assert not any(motif in after for motif in both)
    again = plant(tmp_path / "again", chromosomes=2, intervals=12, width=60, changes=20)
    assert all(a.read_bytes() == b.read_bytes() for a, b in zip(made, again, strict=True))


def test_intervals_of_shares_are_wilsons():
    low, high = share_interval(8, 10)
    assert (low, high) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert share_interval(0, 5)[0] == pytest.approx(0)
    assert share_interval(5, 5)[1] == pytest.approx(1)


def test_alternatives_of_one_base_are_asked_about_their_reference_once(genome):
    asked = []

    def served(columns):
        asked.extend(columns["sequence"])
        return {"value": np.array([float(text.count("G")) for text in columns["sequence"]])}

    changes = [at(2, "C", "G"), at(2, "C", "T"), at(3, "G", "A")]
    before, effect = effects(served, {"data": {"length": 5, "target": "value"}}, genome, changes)
    assert asked == ["NACGT", "ACGTT", "NAGGT", "NATGT", "ACATT"]
    assert before[:, 0].tolist() == [1, 1, 1]
    assert effect[:, 0].tolist() == [1, 0, -1]


def test_a_model_may_read_the_minus_strand(genome):
    asked = []

    def served(columns):
        asked.extend(columns["sequence"])
        return {"value": np.zeros(len(columns["sequence"]))}

    effects(served, {"data": {"length": 5, "target": "value"}}, genome, [at(3, "G", "A")], "-")
    assert asked == [other_strand("ACGTT"), other_strand("ACATT")]


@pytest.mark.parametrize("position", ["0", "-1", "1.5", "1" * 5000])
def test_what_is_no_position_is_refused(tmp_path, position):
    (tmp_path / "a.vcf").write_text(f"#CHROM\tPOS\tID\tREF\tALT\nchr1\t{position}\t.\tG\tA\n")
    with pytest.raises(BadInput, match=r"a\.vcf:2:pos: not a position; wanted a whole number from 1"):
        list(read_variants(str(tmp_path / "a.vcf")))
