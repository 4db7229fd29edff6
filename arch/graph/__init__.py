"""Graph architectures: what a node is depends on its neighbours, in whatever order they are named.

One family a file. Every builder takes a `Graph` (see `inputs`) and gives features of its nodes, (nodes, features).
"""

from arch.graph.inputs import Graph, Words, graph_inputs

__all__ = ["Graph", "Words", "graph_inputs"]
