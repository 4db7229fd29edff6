"""What is decided of a fit on pictures beyond what all domains decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from data.errors import BadInput
from pipelines.run import Fit, Run


@dataclass(frozen=True)
class ImagesFit(Fit):
    """How a model of pictures is fitted. Mirroring is said of the data: `--data.mirror`.

    Attributes:
        shift: pixels by which a training picture is moved at most along each axis, what comes in repeating the border.
        turn: degrees by which it is turned at most.
        zoom: share by which it is made larger or smaller at most, 0 to 1.
        hole: side in pixels of a square put in its place by the picture's mean; 0 for none.
        views: what is averaged to judge and to serve a picture: itself alone, its mirror image with it (where the data
            may be mirrored), or with these also both moved by a pixel to two corners.
    """

    shift: int = 0
    turn: float = 0.0
    zoom: float = 0.0
    hole: int = 0
    views: Literal["one", "mirrored", "moved"] = "one"

    def __post_init__(self) -> None:
        """Refuse numbers that cannot work before anything is built."""
        super().__post_init__()
        for name, most in {"shift": None, "turn": 180, "zoom": 0.9, "hole": None}.items():
            value = getattr(self, name)
            if value < 0 or (most is not None and value > most):
                wanted = "0 or more" if most is None else f"0 to {most}"
                raise BadInput(f"fit.{name} cannot work", wanted=wanted, got=value)


def fit_of(run: Run) -> ImagesFit:
    """The fit of a run of this domain."""
    return cast(ImagesFit, run.fit)
