"""A tiny instance of every builder and layer of the convnet families, for the laws over the whole table."""

from __future__ import annotations

from typing import Any

from tests.laws.case import Case

CASES: dict[str, Case] = {}

LAYERS: dict[str, dict[str, Any]] = {}
