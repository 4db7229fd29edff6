"""What benchmarks of several seeds share: fits that are kept as they end, and figures with their spread."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.run import Run


def kept(folder: str, run: Run, fit: Callable[[], Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """What a fit gave, or what was kept of it: a benchmark that was cut short goes on behind the last one.

    Args:
        folder: of the kept ones; empty keeps nothing.
        run: decides where, by all of its fields but those that are words.
        fit: gives arrays and numbers by name.
    """
    decides = json.dumps(run.with_(source="", result="").as_json(), sort_keys=True)
    file = Path(folder) / f"{run.recipe}-{sha256(decides.encode()).hexdigest()[:20]}.npz" if folder else None
    if file is not None and file.exists():
        with np.load(file) as found:
            return dict(found)
    told = {name: np.asarray(value) for name, value in fit().items()}
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, **told)
    return told


def spoken(values: Sequence[float], digits: int = 1) -> str:
    """The mean and, of several, the standard deviation."""
    spread = f" ± {np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else ""
    return f"{np.mean(values):.{digits}f}{spread}"
