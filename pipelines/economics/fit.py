"""What is decided of a forecaster's fit beyond what all domains decide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from data.errors import BadInput
from pipelines.run import Fit, Run

BESIDE = ("naive", "seasonal_naive", "drift", "naive2", "ses", "theta", "dynamic_theta", "damped_trend")


@dataclass(frozen=True)
class EconomicsFit(Fit):
    """How a forecaster is fitted.

    Attributes:
        loss: the measure that each member learns to make small.
        beside: statistical methods that forecast beside the network, in the trained model itself; as theta drift.
        share: of these methods in the answer, 0 to 1; the rest is the network's.
        intervals: what is calibrated on validation: errors alone, learnt quantiles, or a learnt normal deviation.
    """

    loss: Literal["smape", "mase", "mape"] = "smape"
    beside: tuple[str, ...] = ()
    share: float = 0.5
    intervals: Literal["conformal", "quantiles", "normal"] = "conformal"

    def __post_init__(self) -> None:
        """Refuse what cannot work before anything is built."""
        super().__post_init__()
        if unknown := [name for name in self.beside if name not in BESIDE]:
            raise BadInput("fit.beside: unknown method", wanted="of " + ", ".join(BESIDE), got=unknown[0])
        if not 0 <= self.share <= 1:
            raise BadInput("fit.share cannot work", wanted="0 to 1", got=self.share)


def fit_of(run: Run) -> EconomicsFit:
    """The fit of a run of this domain."""
    return cast(EconomicsFit, run.fit)
