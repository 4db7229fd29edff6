"""The served functions: encoded pictures of any size, or their pixels, to the most likely class and all probabilities.

What `data.image_decoding` does outside the graph is done here in it: a JPEG turned as its EXIF tag says, cropped around
the centre, resized with antialiasing. How large a picture is, is read from its first bytes: a bomb is refused before it
is decoded.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from data.image_decoding import MOST_PIXELS
from data.splits import Rows
from pipelines.images.headers import PNG_HEAD, attempted, orientation, size_of
from pipelines.served_graph import class_outputs, most_likely, numbered, refuse
from pipelines.task import Meta, Serving

BROKEN = ": a picture that cannot be decoded"


def serving(model: keras.Model, meta: Meta, rows: Rows) -> Serving:
    """JPEG or PNG bytes to label and probabilities; under the signature `pixels`, uint8 pixels of one size."""
    shape = meta["height"], meta["width"], meta["channels"]

    def answer(images: Any) -> dict[str, Any]:
        return most_likely(model({"image": images}, training=False), meta)

    def of_bytes(image_bytes: Any) -> dict[str, Any]:
        spec = tf.TensorSpec(shape, tf.uint8)
        numbers = tf.range(tf.size(image_bytes))
        return answer(
            tf.map_fn(lambda row: _decoded(row[0], row[1], shape), (image_bytes, numbers), fn_output_signature=spec)
        )

    def of_pixels(image: Any) -> dict[str, Any]:
        return answer(_fitted(image, shape))

    doc = (
        'JPEG or PNG files of any size, as {"b64": ...}; JPEGs turned as their EXIF tag says; cropped around the centre'
    )
    pixels = {"dtype": "uint8", "shape": [None, None, None, shape[2]], "doc": "pixels of pictures that have one size"}
    others = {"pixels": Serving(of_pixels, {"image": pixels}, class_outputs(meta))}
    return Serving(
        of_bytes, {"image_bytes": {"dtype": "string", "shape": [None], "doc": doc}}, class_outputs(meta), others=others
    )


def _decoded(data: Any, row: Any, shape: tuple[int, int, int]) -> Any:
    """One picture, (height, width, channels) uint8.

    Raises:
        tf.errors.InvalidArgumentError: naming the row, counted from 1, when run.
    """
    png = (tf.strings.substr(data, 0, 8) == b"\x89PNG\r\n\x1a\n") & (tf.strings.length(data) > PNG_HEAD)
    jpeg = tf.strings.substr(data, 0, 3) == b"\xff\xd8\xff"
    with tf.control_dependencies([refuse(png | jpeg, lambda _: [numbered("row", row), ": not a JPEG or PNG picture"])]):
        pixels = size_of(data, png)
    what = f": a picture of more than {MOST_PIXELS:,} pixels, or of none"
    with tf.control_dependencies([refuse(pixels >= 0, lambda _: [numbered("row", row), BROKEN])]):
        right = (pixels > 0) & (pixels <= MOST_PIXELS)
    with tf.control_dependencies([refuse(right, lambda _: [numbered("row", row), what])]):
        data = tf.identity(data)
    image = tf.cond(png, lambda: _png(data, shape[2]), lambda: _jpeg(data, shape[2]))
    with tf.control_dependencies([refuse(tf.size(image) > 0, lambda _: [numbered("row", row), BROKEN])]):
        image = tf.identity(image)
    upright = tf.cond(png, lambda: image, lambda: _upright(image, orientation(data)))
    return _fitted(upright[None], shape)[0]


def _png(data: Any, channels: int) -> Any:
    nothing = tf.zeros([0, 0, channels], tf.uint8)
    return attempted(lambda data: tf.io.decode_png(data, channels=channels), data, nothing)


def _jpeg(data: Any, channels: int) -> Any:
    nothing = tf.zeros([0, 0, channels], tf.uint8)
    return attempted(
        lambda data: tf.io.decode_jpeg(data, channels=channels, dct_method="INTEGER_ACCURATE"), data, nothing
    )


def _upright(image: Any, tag: Any) -> Any:
    """Turned and mirrored as EXIF's orientation, 1 to 8, says."""

    def transposed() -> Any:  # gathered: of a transposition of bytes oneDNN complains on many CPUs
        height, width = tf.shape(image)[0], tf.shape(image)[1]
        index = tf.range(width)[:, None] + width * tf.range(height)
        return tf.gather(tf.reshape(image, [-1, image.shape[2]]), index)

    across, down = (tf.reduce_any(tag == tf.constant(tags)) for tags in ([2, 3, 6, 7], [3, 4, 7, 8]))
    turned = tf.cond(tag >= 5, transposed, lambda: image)
    turned = tf.cond(down, lambda: turned[::-1], lambda: turned)
    return tf.cond(across, lambda: turned[:, ::-1], lambda: turned)


def _fitted(images: Any, shape: tuple[int, int, int]) -> Any:
    """(pictures, any height, any width, channels) uint8 cropped around the centre and resized."""
    height, width = shape[:2]
    sizes = tf.cast(tf.shape(images), tf.int64)
    tall = tf.minimum(sizes[1], tf.maximum(sizes[2] * height // width, 1))
    wide = tf.minimum(sizes[2], tf.maximum(sizes[1] * width // height, 1))
    top, left = (sizes[1] - tall) // 2, (sizes[2] - wide) // 2
    cropped = images[:, top : top + tall, left : left + wide]
    for size in (
        [tall, width],
        [height, width],
    ):  # along one axis and then the other, rounded each time, as Pillow does
        cropped = tf.round(tf.image.resize(cropped, tf.cast(size, tf.int32), method="bilinear", antialias=True))
    return tf.ensure_shape(tf.cast(tf.clip_by_value(cropped, 0, 255), tf.uint8), [None, *shape])
