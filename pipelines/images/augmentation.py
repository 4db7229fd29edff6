"""Training pictures mirrored, moved, turned, zoomed and pierced, all in one gathering within the compiled step."""

from __future__ import annotations

import math
from typing import Any

from keras import ops

from pipelines.images.fit import ImagesFit


def augmented(images: Any, mirrored: Any, draws: Any, fit: ImagesFit) -> Any:
    """Pictures as a training step sees them.

    Args:
        images: (batch, height, width, channels) uint8.
        mirrored: (batch,) bool.
        draws: (batch, 6) uniform on [0, 1): shift along both axes, angle, zoom, place of the hole; 0.5 is at rest.
        fit: how far they may go.

    Returns:
        The same shape and type.
    """
    height, width = images.shape[1:3]
    y, x = _places(height, width, draws, fit)
    x = ops.where(mirrored[:, None, None], width - 1 - x, x)
    if fit.turn or fit.zoom:
        moved = _between(images, y, x)
    else:
        moved = _at(images, ops.cast(ops.round(y), "int32"), ops.cast(ops.round(x), "int32"))
    return _pierced(moved, draws, fit.hole * min(height, width)) if fit.hole else moved


def _places(height: int, width: int, draws: Any, fit: ImagesFit) -> tuple[Any, Any]:
    """Where each pixel comes from: rows and columns, each (batch, height, width) or what becomes that."""
    signed = (2.0 * draws - 1.0)[:, :, None, None]
    dy, dx = (_whole(draws[:, i, None, None], round(fit.shift * side)) for i, side in ((0, height), (1, width)))
    rows = ops.reshape(ops.arange(height, dtype="float32"), (1, height, 1))
    columns = ops.reshape(ops.arange(width, dtype="float32"), (1, 1, width))
    if not (fit.turn or fit.zoom):
        still = ops.zeros((1, height, width))
        return rows + dy + still, columns + dx + still
    angle, scale = signed[:, 2] * (fit.turn * math.pi / 180), 1.0 + signed[:, 3] * fit.zoom
    cosine, sine = ops.cos(angle) * scale, ops.sin(angle) * scale
    down, right = rows - (height - 1) / 2, columns - (width - 1) / 2
    y = cosine * down - sine * right + (height - 1) / 2 + dy
    x = sine * down + cosine * right + (width - 1) / 2 + dx
    return y, x


def _whole(draws: Any, most: int) -> Any:
    """Whole numbers from -most to most, each as often."""
    return ops.floor(draws * (2 * most + 1)) - most


def _at(images: Any, y: Any, x: Any) -> Any:
    """The pixels at whole places; beyond the border, the border's."""
    height, width, channels = images.shape[1:]
    first = ops.reshape(ops.arange(ops.shape(images)[0]) * (height * width), (-1, 1, 1))
    index = first + ops.clip(y, 0, height - 1) * width + ops.clip(x, 0, width - 1)
    return ops.take(ops.reshape(images, (-1, channels)), index, axis=0)


def _between(images: Any, y: Any, x: Any) -> Any:
    """The pixels at any places, linear between the four around each."""
    top, left = ops.floor(y), ops.floor(x)
    down, right = (y - top)[..., None], (x - left)[..., None]
    top, left = ops.cast(top, "int32"), ops.cast(left, "int32")
    corners = [[ops.cast(_at(images, top + i, left + j), "float32") for j in (0, 1)] for i in (0, 1)]
    upper, lower = (a * (1.0 - right) + b * right for a, b in corners)
    return ops.cast(ops.round(upper * (1.0 - down) + lower * down), images.dtype)


def _pierced(images: Any, draws: Any, side: float) -> Any:
    """With a square hole anywhere, which may hang over the border."""
    height, width = images.shape[1:3]
    centre = draws[:, 4:6, None, None] * ops.cast(ops.reshape(ops.array([height, width]), (1, 2, 1, 1)), "float32")
    rows = ops.reshape(ops.arange(height, dtype="float32"), (1, height, 1)) + 0.5
    columns = ops.reshape(ops.arange(width, dtype="float32"), (1, 1, width)) + 0.5
    inside = (ops.abs(rows - centre[:, 0]) < side / 2) & (ops.abs(columns - centre[:, 1]) < side / 2)
    mean = ops.mean(ops.cast(images, "float32"), axis=(1, 2), keepdims=True)
    return ops.where(inside[..., None], ops.cast(mean, images.dtype), images)
