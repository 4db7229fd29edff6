"""`gallery`: every family on one page, with its assumption, equation, source, and its figures beside the published."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from arch.variants import VARIANTS, Variant
from data.errors import BadInput
from pipelines.flags import parse
from pipelines.options import Builder, describe_builder
from pipelines.quiet import start_tensorflow


class Family(NamedTuple):
    """Builders that share an assumption and an equation."""

    title: str
    assumption: str
    equation: str
    builders: tuple[str, ...]


FAMILIES = (
    Family(
        "Dense",
        "None: every input may meet every other, and moving an input makes it another one.",
        "y = W2 f(W1 x + b1) + b2",
        ("mlp",),
    ),
    Family(
        "Convolutional",
        "Locality: what is near belongs together, and means the same wherever it stands.",
        "y[p] = f(b + sum_k w[k] x[p + k])",
        ("cnn", "lenet", "alexnet", "vgg", "dilated_cnn", "whitened_cnn"),
    ),
    Family(
        "Untied",
        "Locality, but what is near may mean something else at every place.",
        "y[p] = f(b[p] + sum_k w[p, k] x[p + k])",
        ("locally_connected",),
    ),
    Family(
        "Deformable",
        "Locality, where the content itself says which places are near.",
        "y[p] = sum_k w[k] x(p + k + d[p, k]), d = conv(x)",
        ("deformable_cnn",),
    ),
    Family(
        "Residual",
        "Locality, deep: each block corrects what the one before gave.",
        "y = x + F(x)",
        ("resnet", "wide_resnet", "resnext", "gated_resnet", "shake_shake"),
    ),
    Family(
        "Densely connected",
        "Locality, deep: each layer reads all layers before it, and nothing is computed twice.",
        "x[l] = F([x[0], x[1], ..., x[l - 1]])",
        ("densenet",),
    ),
    Family(
        "Several scales",
        "Locality at several scales at once.",
        "y = [conv1(x), conv3(x), conv5(x), pool(x)]",
        ("inception", "inception_v4", "mixnet"),
    ),
    Family(
        "Separable",
        "Locality, where places and channels can be mixed one after the other.",
        "y[p, o] = sum_c v[c, o] sum_k w[k, c] x[p + k, c]",
        ("mobilenet", "mobilenet_v2", "mobilenet_v3", "efficientnet"),
    ),
    Family(
        "Pretrained",
        "Locality, and patterns that photographs of all things share.",
        "y = mean_p f(x)[p], f learnt on other pictures",
        ("pretrained",),
    ),
    Family(
        "Group equivariant",
        "Locality, and a pattern means the same in any of the square's eight positions.",
        "y[g] = sum_h conv(x[h], (g w)[h]), features = mean_p max_g y[g, p]",
        ("group_cnn",),
    ),
    Family(
        "Steerable",
        "Locality, and a pattern means the same at any angle.",
        "y_m = sum_n conv(x_n, w_mn R(r) exp(i (m - n) a))",
        ("steerable_cnn",),
    ),
    Family(
        "Tensor fields",
        "Points in space: neither their order, nor a move, nor a turn of space changes what they are.",
        "y_i = W x_i + mean_j sum_k,p g_k(|r_ij|) C_p(Y(r_ij), x_j) V_kp",
        ("tensor_field",),
    ),
    Family(
        "Causal and dilated",
        "Order, with a long and exactly known memory.",
        "y[t] = sum_k w[k] x[t - d k], d = 1, 2, 4, ...",
        ("tcn",),
    ),
    Family(
        "Recurrent",
        "Order: a state that is carried along holds what matters of the past.",
        "h[t] = f(W x[t] + U h[t - 1] + b)",
        ("recurrent",),
    ),
    Family(
        "Attention",
        "Any position may matter to any other; content decides which does.",
        "y = softmax(Q K' / sqrt(d)) V",
        ("transformer_encoder", "vit"),
    ),
    Family(
        "Forecasting",
        "The future of a series is made of its past; level, scale and seasons are taken out before and put back after.",
        "y = sum_b G_b f_b(x_b), x_(b + 1) = x_b - H_b f_b(x_b); or y = W x",
        ("nbeats", "nhits", "dlinear", "nlinear", "seq2seq", "esrnn", "patchtst"),
    ),
    Family(
        "Regulatory",
        "Locality: motifs wherever they stand, then what their arrangement means.",
        "y = dense(pool(f(sum_k w[k] x[p + k]))), or LSTM(pool(...)), or content + content' * sigmoid(gate)",
        ("regulatory_cnn", "conv_lstm", "gated_branches"),
    ),
    Family(
        "Wide and deep",
        "Position itself has a meaning, beside local patterns; or how often words occur has, wherever they stand.",
        "y = W [positional words of x, cnn(x)], or W [counts of words of x, dense(counts, motifs of x)], "
        "or W [e, dense(e)], e = softplus(sum_p w[p] cnn(x)[p] over each window), or W dense(c / |c|), "
        "c = sqrt(counts of words of x, letters left out between theirs)",
        ("wide_deep", "kmer_deep", "spectrum", "positional_cnn"),
    ),
    Family(
        "Graph convolutional",
        "Neighbours are alike: a node is a weighted mean of its neighbourhood, near or wide.",
        "H' = f(A H W), A = D^-1/2 (adjacency + I) D^-1/2, or a polynomial of it",
        ("gcn", "appnp", "grand", "gcnii", "cheb"),
    ),
    Family(
        "Graph attention",
        "Neighbours are alike, but some matter more than others.",
        "h'_i = sum_j a_ij W h_j, a_i = softmax_j(e(h_i, h_j))",
        ("gat", "graph_transformer"),
    ),
    Family(
        "Messages on graphs",
        "A node is what it is and what its neighbours tell it, whatever their order.",
        "h'_i = update(h_i, aggregate_j message(h_i, h_j, e_ij))",
        ("graphsage", "message_passing", "gin"),
    ),
)


@dataclass(frozen=True)
class GalleryFlags:
    """Flags of `gallery`.

    Attributes:
        out: folder in which gallery.md is written.
        json: print one JSON object on stdout, everything else on stderr.
    """

    out: str = "docs"
    json: bool = False


def gallery(arguments: Sequence[str], program: str) -> dict[str, Any] | None:
    """Write the page.

    Raises:
        BadInput: when the folder cannot be written to.
    """
    flags = parse(GalleryFlags, arguments, program, "Every family on one page, its figures beside the published ones.")
    start_tensorflow()
    page = Path(flags.out) / "gallery.md"
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text("\n".join(lines()) + "\n")
    except OSError as error:
        raise BadInput("cannot write the gallery", wanted="a folder", got=error, where=str(page)) from None
    if flags.json:
        return {"page": str(page), "families": len(FAMILIES)}
    print(f"wrote {page}")
    return None


def lines(families: Sequence[Family] = FAMILIES) -> Iterator[str]:
    """The page's lines."""
    yield "# Architectures\n"
    yield "Made by `python -m pipelines gallery`, which counts each network from its shapes. Parameters are trainable"
    yield "ones; multiply-adds are those of convolutions, dense layers and attention for one example. A published"
    yield "figure that ends in zeros is rounded there; = says that ours rounds to it, ≠ that it does not.\n"
    for family in families:
        yield f"## {family.title}\n"
        yield f"*{family.assumption}*\n"
        yield f"    {family.equation}\n"
        for builder in map(describe_builder, family.builders):
            yield f"**`{builder.name}`** {_about(builder)}\n"
        yield from _figures([(name, v) for name, v in VARIANTS.items() if v.builder in family.builders])


def _about(builder: Builder) -> str:
    return f"{builder.summary} Source: {builder.source.rstrip('.')}."


def _figures(variants: Sequence[tuple[str, Variant]]) -> Iterator[str]:
    if not variants:
        return
    yield "| network | input | parameters | published | multiply-adds | published | source |"
    yield "|---|---|--:|--:|--:|--:|---|"
    for name, variant in variants:
        yield _row(name, variant)
    yield ""


def _row(name: str, variant: Variant) -> str:
    from arch.account import account, outline
    from arch.variants import model
    from pipelines.describe.resources import published

    counts = account(outline(lambda: model(variant)))
    figures = published(variant, counts)
    cells = [f"`{name}`", " x ".join(map(str, variant.input_shape))]
    for measure in ("parameters", "multiply_adds"):
        figure = figures.get(measure)
        said = f"{'=' if figure['equal'] else '≠'} {figure['published']:,}" if figure else ""
        cells += [f"{getattr(counts, measure):,}", said]
    return "| " + " | ".join([*cells, variant.source]) + " |"
