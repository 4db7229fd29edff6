"""What is decided of a fit on a graph beyond what all domains decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from data.errors import BadInput
from pipelines.run import Fit, Run


@dataclass(frozen=True)
class CitationsFit(Fit):
    """How a model of a graph is fitted.

    Attributes:
        l2: strength of half the squared kernels in the loss, the penalty of the graph papers; beside weight_decay.
        passes: times that the model runs at each step, each time with other random numbers; their losses are averaged.
        consistency: weight of the distance between the passes' predictions and their sharpened mean, over all papers.
        temperature: of that sharpening, above 0; the smaller, the surer.
    """

    l2: float = 0.0
    passes: int = 1
    consistency: float = 0.0
    temperature: float = 0.5

    def __post_init__(self) -> None:
        """Refuse numbers that cannot work before anything is built."""
        super().__post_init__()
        for name, least in {"passes": 1, "l2": 0, "consistency": 0}.items():
            if getattr(self, name) < least:
                raise BadInput(f"fit.{name} cannot work", wanted=f"at least {least}", got=getattr(self, name))
        if not self.temperature > 0:
            raise BadInput("fit.temperature cannot work", wanted="above 0", got=self.temperature)


def fit_of(run: Run) -> CitationsFit:
    """The fit of a run of this domain."""
    return cast(CitationsFit, run.fit)
