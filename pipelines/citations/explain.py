"""`explain`: which papers and which words decided what a model says of a paper, by leaving each of them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from data.errors import BadInput
from data.splits import Rows
from pipelines.domain import Domain
from pipelines.flags import parse
from pipelines.options import did_you_mean
from pipelines.serve.folder import is_uri
from pipelines.trained import open_trained

NEAREST = 100  # papers that are left out one by one, the nearest first
HOPS = 2
USAGE = "explain [MODEL] PAPER ...: which neighbours and words decided."


@dataclass(frozen=True)
class ExplainFlags:
    """Flags of `explain`.

    Attributes:
        out: folder for a figure of each paper's neighbourhood; none is drawn without it.
        top: papers and words that are told, the weightiest first.
        json: print one JSON object on stdout, everything else on stderr.
    """

    out: str = ""
    top: int = 10
    json: bool = False


@dataclass(frozen=True)
class Part:
    """A paper or a word, and what it does.

    Attributes:
        name: id of the paper, or index of the word.
        effect: how much the logarithm of the probability of the answer falls when it is left out, in nats.
        hops: steps from the paper that is explained.
        label: what the model says of that paper.
        attention: mean attention weight that the explained paper pays it, layer by layer; of models that have any.
    """

    name: str
    effect: float
    hops: int = 0
    label: str = ""
    attention: tuple[float, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """Why a model says what it says of a paper.

    Attributes:
        paper: its id.
        label: the answer.
        probability: of the answer.
        papers: neighbours within two steps, the weightiest first.
        words: the paper's own words or columns, the weightiest first.
    """

    paper: str
    label: str
    probability: float
    papers: tuple[Part, ...]
    words: tuple[Part, ...]


def main(domain: Domain, arguments: Sequence[str], program: str) -> dict[str, Any]:
    """Explain papers of the graph that a model was trained on.

    Raises:
        BadInput: no such model or paper, or a graph that was never taken whole.
    """
    first = next((i for i, word in enumerate(arguments) if word.startswith("-")), len(arguments))
    words, flags = list(arguments[:first]), parse(ExplainFlags, arguments[first:], program, USAGE)
    model = words.pop(0) if words and (Path(words[0]).is_dir() or is_uri(words[0])) else ""
    if not words:
        raise BadInput("explain: no paper", wanted="explain [MODEL] PAPER ...", got=" ".join(arguments) or "nothing")
    trained = open_trained(domain, model)
    rows = domain.splits(trained.run).test
    if rows.around is not None:
        wanted = "a model judged in the whole graph"
        raise BadInput("explain: a graph that was never taken whole", wanted=wanted, got="data.judge_by sampled")
    from pipelines.report import Report

    export = trained.export
    known = Known(trained.model, rows, export.metadata["classes"])
    answers = [known.explain(paper, flags.top) for paper in words]
    report = Report(flags.json)
    for answer in answers:
        report.note(told(answer))
        if flags.out:
            from pipelines.citations.neighbourhood import draw

            report.note(f"  drawn: {draw(answer, Path(flags.out) / f'{answer.paper}.png')}")
    head = {"schema": 1, "domain": domain.name, "model": export.name, "version": export.version}
    return head | {"explanations": [asdict(answer) for answer in answers]}


class Known:
    """A trained model and its graph.

    Args:
        model: the Keras model.
        rows: test rows of its run, whose graph is whole.
        classes: names of the classes.
    """

    def __init__(self, model: Any, rows: Rows, classes: Sequence[str]) -> None:
        self.model, self.arrays, self.classes = model, dict(rows.shared), classes
        self.ids: list[str] = rows.shared["ids"].tolist()
        everyone = np.arange(len(self.ids), dtype=np.int32)
        self.labels = self._logs(self.arrays, everyone).argmax(1)

    def explain(self, paper: str, top: int) -> Explanation:
        """What decided about a paper.

        Raises:
            BadInput: no paper of the graph has this id.
        """
        if paper not in self.ids:
            raise BadInput(f"explain: unknown paper{did_you_mean(paper, self.ids)}", wanted="an id of the graph",
                           got=paper)  # fmt: skip
        node = self.ids.index(paper)
        answer = int(self.labels[node])
        log = float(self._logs(self.arrays, [node])[0, answer])
        papers = sorted(self._papers(node, answer, log), key=lambda part: -abs(part.effect))
        words = sorted(self._words(node, answer, log), key=lambda part: -abs(part.effect))
        return Explanation(paper, self.classes[answer], float(np.exp(log)), tuple(papers[:top]), tuple(words[:top]))

    def _papers(self, node: int, answer: int, log: float) -> list[Part]:
        """Each neighbour's effect: how much is lost when all of its citations are."""
        edges, weights = self.arrays["edges"], self.arrays["weights"]
        attention = self._attention(node)
        parts = []
        for other, hops in self._nearest(node).items():
            kept = np.where((edges == other).any(axis=1), np.float32(0), weights)
            effect = log - float(self._logs({**self.arrays, "weights": kept}, [node])[0, answer])
            label, weight = self.classes[self.labels[other]], attention.get(other, ())
            parts.append(Part(self.ids[other], effect, hops, label, weight))
        return parts

    def _words(self, node: int, answer: int, log: float) -> list[Part]:
        """Each word's effect: how much is lost when the paper has it not."""
        name, places, names = self._own(node)
        parts = []
        for place, word in zip(places, names, strict=True):
            values = self.arrays[name].copy()
            values[place] = 0
            effect = log - float(self._logs({**self.arrays, name: values}, [node])[0, answer])
            parts.append(Part(str(word), effect))
        return parts

    def _own(self, node: int) -> tuple[str, list[Any], list[int]]:
        """The array that holds the paper's words, where in it they stand, and what they are."""
        if "features" in self.arrays:
            columns = list(range(self.arrays["features"].shape[1]))
            return "features", [(node, column) for column in columns], columns
        places = np.flatnonzero(self.arrays["words"][:, 0] == node)
        return "values", places.tolist(), self.arrays["words"][places, 1].tolist()

    def _nearest(self, node: int) -> dict[int, int]:
        """Papers within reach and how many steps away they are."""
        edges, steps = self.arrays["edges"], {node: 0}
        for hops in range(1, HOPS + 1):
            senders = np.unique(edges[np.isin(edges[:, 1], list(steps)), 0]).tolist()
            steps |= {sender: hops for sender in senders if sender not in steps}
        return dict(list(steps.items())[1 : NEAREST + 1])

    def _attention(self, node: int) -> dict[int, tuple[float, ...]]:
        """What the paper pays each of its neighbours, layer by layer, where the model has attention over edges."""
        mine = np.flatnonzero(self.arrays["edges"][:, 1] == node)
        senders = self.arrays["edges"][mine, 0].tolist()
        paid = [weights[mine].mean(axis=1).tolist() for weights in self._attention_weights]
        return dict(zip(senders, zip(*paid, strict=True), strict=True)) if paid else {}

    @cached_property
    def _attention_weights(self) -> list[np.ndarray]:
        """(edges, heads) of each attention layer."""
        from pipelines.citations.attention import attention_models

        return [self._outputs(model, self.arrays, [0]) for model in attention_models(self.model)]

    def _logs(self, arrays: Mapping[str, Any], nodes: Any) -> np.ndarray:
        """Logarithms of the probabilities, (nodes, classes)."""
        from pipelines.classify import probabilities

        return np.log(np.maximum(probabilities(self._outputs(self.model, arrays, nodes)), 1e-12))

    @staticmethod
    def _outputs(model: Any, arrays: Mapping[str, Any], nodes: Any) -> np.ndarray:
        from pipelines.engine import predict

        return predict(model, Rows({"node": np.asarray(nodes, np.int32)}, arrays))


def told(answer: Explanation) -> str:
    """An explanation as text."""
    lines = [f"{answer.paper}: {answer.label}, probability {answer.probability:.3f}", "  papers, nats lost without:"]
    for part in answer.papers:
        attention = "".join(f"  attention {weight:.3f}" for weight in part.attention)
        lines.append(f"    {part.effect:+.4f}  {part.name} ({part.label}), {part.hops} away{attention}")
    lines.append("  words, nats lost without:")
    return "\n".join([*lines, *(f"    {part.effect:+.4f}  {part.name}" for part in answer.words)])
