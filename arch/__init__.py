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
    "whitened_cnn": "arch.whitened",  # the same, whose first filters are computed from the data
    "lenet": "arch.classic",  # the same, small, with dense layers that read all places
    "alexnet": "arch.classic",  # the same, larger
    "vgg": "arch.classic",  # the same, of small kernels alone
    "resnet": "arch.resnet",  # locality, deep: each block corrects the one before
    "resnext": "arch.resnet",  # the same, each block a sum of many narrow paths
    "wide_resnet": "arch.resnet",  # the same, with width in place of depth
    "gated_resnet": "arch.gated",  # the same, each correction let through by a gate
    "shake_shake": "arch.shake_shake",  # the same, each block corrects twice
    "densenet": "arch.densenet",  # the same, each layer reads all layers before it
    "inception": "arch.inception",  # locality at several scales at once
    "inception_v4": "arch.inception_v4",  # the same, more and more uniform modules
    "dilated_cnn": "arch.dilated",  # locality at growing distances
    "deformable_cnn": "arch.deformable",  # locality, but where exactly depends on what is seen
    "locally_connected": "arch.untied",  # locality without sharing: every place has patterns of its own
    "mobilenet": "arch.mobilenet",  # locality, where places and channels are mixed separately
    "mobilenet_v2": "arch.mobilenet",  # the same in residual blocks that are narrow outside and wide inside
    "mobilenet_v3": "arch.mobilenet",  # the same with gates, sizes found by search
    "efficientnet": "arch.efficientnet",  # the same, scaled in depth and width together
    "mixnet": "arch.mixnet",  # the same, near and far at once
    "pretrained": "arch.pretrained",  # locality, and that photographs of all things share their patterns
    "vit": "arch.vit",  # any patch of a picture may matter to any other
    "group_cnn": "arch.equivariant",  # locality, whichever of the square's symmetries a pattern appears in
    "steerable_cnn": "arch.equivariant",  # locality, whatever the angle
    "tensor_field": "arch.tensor_field",  # points in space, however the space is turned and the points are ordered
    "tcn": "arch.tcn",  # order with a long, exactly known memory
    "recurrent": "arch.recurrent",  # order: a state carried from left to right
    "transformer_encoder": "arch.transformer",  # any position may matter to any other
    "regulatory_cnn": "arch.regulatory",  # locality: motifs, then which of them stand where
    "conv_lstm": "arch.regulatory",  # motifs, then their order
    "gated_branches": "arch.regulatory",  # locality at growing distances, one reading of it gating another
    "wide_deep": "arch.wide_deep",  # position itself has meaning, beside local patterns
    "positional_cnn": "arch.positional",  # the same patterns everywhere, but what they say depends on the place
    "kmer_deep": "arch.kmer_deep",  # how often each short word occurs, beside motifs wherever they stand
    "spectrum": "arch.spectrum",  # which words occur, wherever they stand and whatever lies between their letters
    "nbeats": "arch.forecast.nbeats",  # a future is a sum of parts, each explaining what the others left of the past
    "nhits": "arch.forecast.nhits",  # the same, from slow parts to fast ones
    "dlinear": "arch.forecast.linear",  # every step ahead is a weighted sum of the past
    "nlinear": "arch.forecast.linear",  # the same, from the last value on
    "seq2seq": "arch.forecast.seq2seq",  # order: one state reads the past, another writes the future
    "esrnn": "arch.forecast.esrnn",  # order at several paces, once level and seasons are taken out
    "patchtst": "arch.forecast.patchtst",  # any stretch of the past may matter to the future
    "gcn": "arch.graph.convolutional",  # neighbours are alike: a node is the average of its neighbourhood
    "gat": "arch.graph.attention",  # the same, but some neighbours matter more than others
    "graphsage": "arch.graph.sage",  # a node is itself and a summary of its neighbours, on graphs never seen too
    "message_passing": "arch.graph.messages",  # what passes between two nodes depends on both and on their edge
    "appnp": "arch.graph.diffusion",  # a node's answer leaks to its wider surroundings
    "grand": "arch.graph.diffusion",  # a node can be told from its surroundings, whatever part of them is seen
    "gcnii": "arch.graph.deep",  # far neighbours matter, and no layer may forget the node itself
    "cheb": "arch.graph.spectral",  # what matters is how fast features change along edges
    "gin": "arch.graph.isomorphism",  # the multiset of neighbours matters, not their average
    "graph_transformer": "arch.graph.transformer",  # what two neighbours hold decides what passes between them
}

GRAPHS = frozenset(name for name, module in BUILDERS.items() if module.startswith("arch.graph."))
"""The builders that take an `arch.graph.Graph`; the others take one tensor."""

FORECASTERS = frozenset(name for name, module in BUILDERS.items() if module.startswith("arch.forecast."))
"""The builders that take a window of a series and give its next `horizon` values, of each member if they have any."""


BYTES = frozenset({"pretrained"})
"""The builders that take pixels from 0 to 255, and scale them as their weights want it."""


def builder(name: str) -> Callable[..., Any]:
    """The builder function of this name.

    Raises:
        KeyError: when the table does not hold the name.
    """
    return getattr(import_module(BUILDERS[name]), name)
