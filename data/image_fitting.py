"""One picture to the form in which all are taken, and back to bytes: converted, cropped around the centre, resized.

Grey pictures among colour ones get three equal channels; transparency is dropped, as decoders of TensorFlow do; 16 bits
become 8.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

GREY = ("1", "L", "LA", "I", "F", "I;16", "I;16B", "I;16L")  # Pillow's modes without colours
DEEP = GREY[3:]  # of these, those of more than 8 bits


def fit(image: Image, shape: tuple[int, int, int], done: list[str]) -> np.ndarray:
    """Converted, cropped around the centre and resized; what was done is added to the list."""
    from PIL.Image import Resampling

    plain = converted(image, shape[2], done)
    height, width = shape[:2]
    if (plain.height, plain.width) != (height, width):
        done.append("enlarged" if plain.height < height or plain.width < width else "resized")
        # Cropped before, not by a box of the resizing, which would look beyond the box.
        plain = plain.crop(centre(plain.height, plain.width, height, width))
        plain = plain.resize((width, height), Resampling.BILINEAR)
    return np.asarray(plain).reshape(shape)


def centre(height: int, width: int, wanted_height: int, wanted_width: int) -> tuple[int, int, int, int]:
    """The largest box of the wanted shape around the centre: left, upper, right, lower."""
    tall = min(height, max(1, width * wanted_height // wanted_width))
    wide = min(width, max(1, height * wanted_width // wanted_height))
    top, left = (height - tall) // 2, (width - wide) // 2
    return left, top, left + wide, top + tall


def converted(image: Image, channels: int, done: list[str]) -> Image:
    """With so many channels of 8 bits each."""
    from PIL import Image as pillow

    mode = image.mode
    if mode in DEEP:
        done.append("of 16 bits")
        high = np.clip(np.asarray(image, np.float64), 0, 65535)
        image = pillow.fromarray((high // 256).astype(np.uint8))
    elif mode == "CMYK":
        done.append("CMYK")
    if mode in ("LA", "RGBA", "PA") or "transparency" in image.info:
        done.append("transparent")
        image = image.convert("RGBA" if mode in ("P", "PA") else mode)
    if channels == 3 and mode in GREY:
        done.append("grey")
    elif channels == 1 and mode not in GREY:
        done.append("coloured")
    return image.convert("RGB" if channels == 3 else "L")


def encode_png(pixels: np.ndarray) -> bytes:
    """(height, width, 1 or 3) uint8 as PNG, which loses nothing."""
    return _encoded(pixels, "PNG")


def encode_jpeg(pixels: np.ndarray, quality: int) -> bytes:
    """(height, width, 1 or 3) uint8 as JPEG of a quality, 1 to 95."""
    return _encoded(pixels, "JPEG", quality=quality)


def _encoded(pixels: np.ndarray, form: str, **options: int) -> bytes:
    out = io.BytesIO()
    image_of(pixels).save(out, form, **options)
    return out.getvalue()


def image_of(pixels: np.ndarray) -> Image:
    """(height, width, 1 or 3) uint8 as Pillow has it."""
    from PIL import Image

    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
