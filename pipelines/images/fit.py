"""What is decided of a fit on pictures beyond what all domains decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from data.errors import BadInput
from pipelines.run import FineTuning, Run


@dataclass(frozen=True)
class ImagesFit(FineTuning):
    """How a model of pictures is fitted. Mirroring is said of the data: `--data.mirror`.

    Attributes:
        shift: share of its side by which a training picture is moved at most along each axis, in whole pixels; what
            comes in repeats the border.
        turn: degrees by which it is turned at most.
        zoom: share by which it is made larger or smaller at most, 0 to 1.
        hole: share of the side that a square has whose pixels become the picture's mean; 0 for none.
        views: what is averaged to judge and to serve a picture: itself alone, its mirror image with it (where the data
            may be mirrored), or with these also both moved by a pixel to two corners.
    """

    shift: float = 0.0
    turn: float = 0.0
    zoom: float = 0.0
    hole: float = 0.0
    views: Literal["one", "mirrored", "moved"] = "one"

    def __post_init__(self) -> None:
        """Refuse numbers that cannot work before anything is built."""
        super().__post_init__()
        for name, most in {"shift": 1, "turn": 180, "zoom": 0.9, "hole": 1}.items():
            if not 0 <= getattr(self, name) <= most:
                raise BadInput(f"fit.{name} cannot work", wanted=f"0 to {most}", got=getattr(self, name))


def fit_of(run: Run) -> ImagesFit:
    """The fit of a run of this domain."""
    return cast(ImagesFit, run.fit)
