"""Architecture builders: each is an assumption about the data, written once.

`BUILDERS` names every builder and the module that holds the function of that name. It is text, so that listing
the builders or printing their options never imports Keras; `builder` does the import.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

BUILDERS: dict[str, str] = {
    # name                 module                the assumption
    "mlp": "arch.mlp",  # none: every input may meet every other
    "cnn": "arch.cnn",  # locality: what is near belongs together, wherever it stands
    "resnet": "arch.resnet",  # locality, deep: each block corrects the one before
    "resnext": "arch.resnet",  # the same, each block a sum of many narrow paths
    "wide_resnet": "arch.resnet",  # the same, with width in place of depth
    "tcn": "arch.tcn",  # order with a long, exactly known memory
    "recurrent": "arch.recurrent",  # order: a state carried from left to right
    "transformer_encoder": "arch.transformer",  # any position may matter to any other
    "wide_deep": "arch.wide_deep",  # position itself has meaning, beside local patterns
    "gcn": "arch.graph.convolutional",  # neighbours are alike: a node is the average of its neighbourhood
}


def builder(name: str) -> Callable[..., Any]:
    """The builder function of this name.

    Raises:
        KeyError: when the table does not hold the name.
    """
    return getattr(import_module(BUILDERS[name]), name)
