"""Graph networks for the citations of Cora: 1,433 words, 7 classes; the last graph layer gives the logits."""

from __future__ import annotations

from typing import Any

from arch.variants.published import Variant


def _cora(builder: str, source: str, parameters: int, **options: Any) -> Variant:
    return Variant(builder, {"outputs": 7, **options}, (1433,), 0, "none", source, parameters)


VARIANTS: dict[str, Variant] = {
    "gcn_cora": _cora("gcn", "Kipf 2017, section 5.2", 23063, widths=(16,), dropout=0.5),
    "gat_cora": _cora("gat", "Velickovic 2018, section 3.3", 92373, widths=(8,), heads=8, dropout=0.6),
    "graphsage_cora": _cora("graphsage", "Hamilton 2017, mean aggregator", 46103, widths=(16,), dropout=0.5),
}
