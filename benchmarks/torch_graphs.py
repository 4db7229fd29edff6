"""PyTorch Geometric's side of `graphs.py`, started there by another interpreter: the networks of its own examples.

`example` is as examples/gcn.py and examples/gat.py have it: dense features, edge indices, normalization at each step.
The others keep PyG's layers and give them what makes them faster; see `graphs.py`.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from peers import serve
from torch import Tensor, nn
from torch.nn import functional as F
from torch_geometric.nn import GATConv, GCNConv
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from torch_geometric.utils import add_self_loops

Arrays = dict[str, Any]


class Words:
    """Sparse features times a dense layer's weights, with dropout on the non-zeros, both layouts kept."""

    def __init__(self, pairs: Tensor, values: Tensor, nodes: int, size: int) -> None:
        self.values, self.shape = values, (nodes, size)
        self.rows = _compressed(pairs[:, 0], pairs[:, 1], nodes)
        self.order = torch.argsort(pairs[:, 1], stable=True)
        self.columns = _compressed(pairs[self.order, 1], pairs[self.order, 0], size)

    def times(self, weight: Tensor, dropout: float) -> Tensor:
        """(nodes, units)."""
        return _Product.apply(F.dropout(self.values, dropout), weight, self)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, weight: Tensor, words: Words) -> Tensor:
        ctx.save_for_backward(values)
        ctx.words = words
        return torch.sparse_csr_tensor(*words.rows, values, words.shape) @ weight

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[None, Tensor, None]:
        (values,), words = ctx.saved_tensors, ctx.words
        turned = torch.sparse_csr_tensor(*words.columns, values[words.order], words.shape[::-1])
        return None, turned @ upstream, None


def _compressed(rows: Tensor, columns: Tensor, count: int) -> tuple[Tensor, Tensor]:
    starts = torch.zeros(count + 1, dtype=torch.int64)
    starts[1:] = torch.bincount(rows, minlength=count).cumsum(0)
    return starts, columns.contiguous()


class Gcn(nn.Module):
    """examples/gcn.py; `words` and `adjacency` stand in for dense features and edge indices."""

    def __init__(self, x: Tensor | Words, adjacency: Any, width: int, columns: int, classes: int, cached: bool) -> None:
        super().__init__()
        normalize = not (isinstance(adjacency, Tensor) and adjacency.layout == torch.sparse_csr)
        self.conv1 = GCNConv(columns, width, cached=cached, normalize=normalize)
        self.conv2 = GCNConv(width, classes, cached=cached, normalize=normalize)
        self.x, self.adjacency, self.weight = x, adjacency, None
        if isinstance(x, Words):
            self.weight = _without_product(self.conv1)

    def forward(self) -> Tensor:
        """Logits of all nodes."""
        x = F.dropout(self.x, 0.5) if self.weight is None else self.x.times(self.weight, 0.5)
        x = self.conv1(x, self.adjacency).relu()
        return self.conv2(F.dropout(x, 0.5), self.adjacency)


class Gat(nn.Module):
    """examples/gat.py; `words` stand in for dense features, edges that hold self loops for those that do not."""

    def __init__(self, x: Tensor | Words, edges: Tensor, columns: int, classes: int, loops: bool) -> None:
        super().__init__()
        how = {"dropout": 0.6, "add_self_loops": not loops}
        self.conv1 = GATConv(columns, 8, heads=8, **how)
        self.conv2 = GATConv(64, classes, heads=1, concat=False, **how)
        self.x, self.edges, self.weight = x, edges, None
        if isinstance(x, Words):
            self.weight = _without_product(self.conv1)

    def forward(self) -> Tensor:
        """Logits of all nodes."""
        x = F.dropout(self.x, 0.6) if self.weight is None else self.x.times(self.weight, 0.6)
        x = F.elu(self.conv1(x, self.edges))
        return self.conv2(F.dropout(x, 0.6), self.edges)


def _without_product(conv: nn.Module) -> nn.Parameter:
    """The weights of a layer's product, which is then done before it."""
    weight = nn.Parameter(conv.lin.weight.detach().T.contiguous())
    conv.lin = nn.Identity()
    return weight


def network(name: str, kind: str, width: int, known: Arrays) -> nn.Module:
    """The network of a kind on a graph."""
    columns, classes = int(known["columns"]), int(known["classes"])
    edges = torch.tensor(known["edges"].T.astype(np.int64)).contiguous()
    x = words(known) if kind.startswith("tuned") else features(known)
    nodes = known["nodes"] if "nodes" in known else known["features"]
    if name == "gat":
        loops = kind != "example"
        return Gat(x, add_self_loops(edges, num_nodes=len(nodes))[0] if loops else edges, columns, classes, loops)
    adjacency = compressed(edges, len(nodes)) if kind.endswith("csr") else edges
    return Gcn(x, adjacency, width, columns, classes, cached=kind != "example")


def words(known: Arrays) -> Words:
    """The features as sparse matrices."""
    pairs = torch.tensor(known["words"].astype(np.int64))
    return Words(pairs, torch.tensor(known["values"]), len(known["nodes"]), int(known["columns"]))


def features(known: Arrays) -> Tensor:
    """The features as a dense matrix."""
    if "features" in known:
        return torch.tensor(known["features"])
    x = np.zeros((len(known["nodes"]), int(known["columns"])), np.float32)
    x[known["words"][:, 0], known["words"][:, 1]] = known["values"]
    return torch.tensor(x)


def compressed(edges: Tensor, nodes: int) -> Tensor:
    """The transposed normalized adjacency matrix in compressed rows."""
    both, weights = gcn_norm(edges, None, nodes)
    return torch.sparse_coo_tensor(both.flip(0), weights, (nodes, nodes)).coalesce().to_sparse_csr()


def groups(name: str, model: nn.Module) -> list[dict[str, Any]]:
    """Weight decay as the examples have it: of the first convolution in gcn.py, of all weights in gat.py."""
    if name == "gat":
        return [{"params": list(model.parameters()), "weight_decay": 5e-4}]
    second = list(model.conv2.parameters())
    first = [weight for weight in model.parameters() if not any(weight is other for other in second)]
    return [{"params": first, "weight_decay": 5e-4}, {"params": second, "weight_decay": 0}]


def stepper(name: str, model: nn.Module, known: Arrays) -> Callable[[], Tensor]:
    """One epoch of the examples."""
    chosen = torch.zeros(len(known["nodes"] if "nodes" in known else known["features"]), dtype=torch.bool)
    chosen[torch.tensor(known["node"].astype(np.int64))] = True
    labels = torch.tensor(known["label"].astype(np.int64))[np.argsort(known["node"])]
    optimizer = torch.optim.Adam(groups(name, model), lr=0.005 if name == "gat" else 0.01)

    def step() -> Tensor:
        model.train()
        optimizer.zero_grad()
        loss = F.cross_entropy(model()[chosen], labels)
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    return step


def peer(arrays: str, network_name: str, kind: str, width: int, epochs: int, core: int) -> None:
    """So many epochs as each line of standard input asks for, so many times."""
    os.sched_setaffinity(0, {core})
    torch.set_num_threads(1)
    torch.manual_seed(0)
    warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
    with np.load(arrays) as file:
        known = dict(file)
    model = network(network_name, kind, width, known)
    step = stepper(network_name, model, known)
    weights = sum(weight.numel() for weight in model.parameters())
    serve(lambda: [step() for _ in range(epochs)], {"parameters": weights})


if __name__ == "__main__":
    import json
    import sys

    peer(**json.loads(sys.argv[sys.argv.index("--peer") + 1]))
