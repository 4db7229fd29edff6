"""In the graph: how large a picture is and how it was held, from its first bytes, before anything is decoded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

PNG_HEAD = 33  # bytes up to the end of a PNG's first chunk, which says how large it is
HEAD = 65_536  # bytes of a JPEG in which its EXIF segment lies, if it has one
# The segment's name; the entry of its directory with tag 0x0112, type SHORT, one value, which stands behind.
EXIF, LITTLE, BIG = b"Exif\0\0", b"\x12\x01\x03\x00\x01\x00\x00\x00", b"\x01\x12\x00\x03\x00\x00\x00\x01"


def attempted(function: Callable[[Any], Any], data: Any, instead: Any) -> Any:
    """What a function gives, or something else of its kind where it fails: alone a data set can go on then."""
    tried = tf.data.Dataset.from_tensors(data).map(function).ignore_errors(log_warning=False)
    return tried.concatenate(tf.data.Dataset.from_tensors(instead)).take(1).get_single_element()


def size_of(data: Any, png: Any) -> Any:
    """Pixels of a PNG or a JPEG, int64: of a PNG, whose header has a fixed place, or of a JPEG by its frame's header.

    Args:
        data: the bytes, a scalar string, of a PNG those of its header at least.
        png: whether it is a PNG.

    Returns:
        Their number, below 0 where the bytes of a JPEG end before they say it.
    """

    def of_png() -> Any:
        sides = tf.io.decode_raw(tf.strings.substr(data, 16, 8), tf.uint8)
        sides = tf.cast(tf.reshape(sides, [2, 4]), tf.int64) * tf.constant([1 << 24, 1 << 16, 1 << 8, 1], tf.int64)
        return tf.reduce_prod(tf.reduce_sum(sides, 1))

    def of_jpeg(data: Any) -> Any:
        return tf.reduce_prod(tf.io.extract_jpeg_shape(data, tf.int64)[:2])

    return tf.cond(png, of_png, lambda: attempted(of_jpeg, data, tf.constant(-1, tf.int64)))


def orientation(data: Any) -> Any:
    """EXIF's orientation of a JPEG, 1 to 8; 1 where nothing is said."""
    values = tf.io.decode_raw(tf.strings.substr(data, 0, HEAD), tf.uint8)
    little, big = _behind(values, LITTLE), _behind(values, BIG)
    tag = tf.reduce_max(tf.concat([little[:, 0], big[:, 1]], 0)) * tf.cast(tf.size(_behind(values, EXIF)) > 0, tf.int32)
    return tf.where((tag >= 1) & (tag <= 8), tag, 1)


def _behind(values: Any, pattern: bytes) -> Any:
    """The two bytes behind the first place where these bytes stand, (1, 2) int32; (0, 2) where they do not."""
    size = len(pattern)
    places = tf.maximum(tf.size(values) - size - 1, 0)
    same = tf.ones([places], tf.bool)
    for offset, byte in enumerate(pattern):
        same &= values[offset : offset + places] == byte
    first = tf.cast(tf.where(same)[:1], tf.int32) + size
    return tf.cast(tf.gather(values, first + tf.constant([[0, 1]])), tf.int32)
