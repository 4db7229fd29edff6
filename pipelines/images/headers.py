"""In the graph: how large a picture is and how it was held, from its first bytes, before anything is decoded."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

HEAD = 65_536  # bytes of a JPEG in which its EXIF segment lies, if it has one
# Entry of an EXIF directory: tag 0x0112, type SHORT, one value; behind it the value.
LITTLE, BIG = b"\x12\x01\x03\x00\x01\x00\x00\x00", b"\x01\x12\x00\x03\x00\x00\x00\x01"


def size_of(data: Any, png: Any) -> Any:
    """Pixels of a PNG or a JPEG, int64: of a PNG, whose header has a fixed place, or of a JPEG by its frame's header.

    Args:
        data: the bytes, a scalar string.
        png: whether it is a PNG.

    Raises:
        tf.errors.InvalidArgumentError: the bytes end before, when run.
    """

    def of_png() -> Any:
        sides = tf.io.decode_raw(tf.strings.substr(data, 16, 8), tf.uint8)
        sides = tf.cast(tf.reshape(sides, [2, 4]), tf.int64) * tf.constant([1 << 24, 1 << 16, 1 << 8, 1], tf.int64)
        return tf.reduce_prod(tf.reduce_sum(sides, 1))

    return tf.cond(png, of_png, lambda: tf.reduce_prod(tf.io.extract_jpeg_shape(data, tf.int64)[:2]))


def orientation(data: Any) -> Any:
    """EXIF's orientation of a JPEG, 1 to 8; 1 where nothing is said."""
    head = tf.strings.substr(data, 0, tf.minimum(tf.strings.length(data), HEAD))
    values = tf.io.decode_raw(head, tf.uint8)
    found = tf.where(tf.strings.regex_full_match(tf.strings.substr(head, 0, 12), r"(?s)\C*Exif\C*"), 1, 0)
    tags = [_behind(values, LITTLE, 0), _behind(values, BIG, 1)]
    tag = tf.reduce_max(tf.stack(tags)) * found
    return tf.where((tag >= 1) & (tag <= 8), tag, 1)


def _behind(values: Any, pattern: bytes, skip: int) -> Any:
    """The byte behind the first place where these bytes stand, some skipped; 0 where they do not stand."""
    size = len(pattern)
    places = tf.maximum(tf.size(values) - size - skip, 0)
    same = tf.ones([places], tf.bool)
    for offset, byte in enumerate(pattern):
        same &= values[offset : offset + places] == byte
    at = tf.where(same)[:1, 0]
    return tf.reduce_sum(tf.cast(tf.gather(values, at + size + skip), tf.int32))
