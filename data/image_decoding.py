"""Encoded pictures to arrays of bytes: one way for all sources, what had to be converted counted, what is broken told.

A picture is turned as its EXIF tag says, cropped around its centre to the wanted shape of a rectangle, and resized with
antialiasing. Grey pictures among colour ones get three equal channels; transparency is dropped, as decoders of
TensorFlow do; 16 bits become 8; of an animation the first frame is taken.
"""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from data.errors import BadInput

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP")
MOST_PIXELS = 64_000_000  # a larger picture is taken for a bomb, and refused by its header alone
LARGEST_AS_IS = 96  # side up to which pictures of one size are taken as they are
USUAL_SIDE = 64
ORIENTATION = 0x0112  # the EXIF tag

Encoded = Callable[[], bytes]


@dataclass(frozen=True)
class Broken:
    """A picture that cannot be read.

    Attributes:
        row: which of those handed in.
        why: in a few words.
    """

    row: int
    why: str


@dataclass(frozen=True)
class Decoded:
    """Pictures of one size.

    Attributes:
        pixels: (rows, height, width, channels) uint8, without the broken ones.
        kept: (rows,) index of each among those handed in.
        broken: those that cannot be read.
        found: what had to be done -> to how many.
    """

    pixels: np.ndarray
    kept: np.ndarray
    broken: list[Broken]
    found: dict[str, int]


def decode(pictures: Sequence[Encoded], shape: tuple[int, int, int] | None = None, side: int = 0) -> Decoded:
    """Decode pictures in threads, each straight to its place.

    Args:
        pictures: each gives its bytes when called.
        shape: (height, width, channels) of all; None chooses them.
        side: where they are chosen, height and width; 0 keeps the size that all have, if it is small, else 64.

    Raises:
        BadInput: they do not fit into memory.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        headers = list(pool.map(_header, pictures))
        shape = shape or _common([h for h in headers if isinstance(h, tuple)], side)
        _require_memory(len(pictures), shape)
        pixels = np.zeros((len(pictures), *shape), np.uint8)

        def fill(row: int) -> str | list[str]:
            if isinstance(header := headers[row], str):
                return header
            try:
                pixels[row], done = _pixels(pictures[row](), shape)
            except (OSError, ValueError, SyntaxError, EOFError, ArithmeticError, LookupError) as error:
                return f"cannot be decoded: {str(error)[:80]}"
            return done

        filled = list(pool.map(fill, range(len(pictures))))
    broken = [Broken(row, why) for row, why in enumerate(filled) if isinstance(why, str)]
    kept = np.array([row for row, done in enumerate(filled) if isinstance(done, list)], np.int64)
    found = Counter(what for done in filled if isinstance(done, list) for what in done)
    return Decoded(pixels if len(kept) == len(pixels) else pixels[kept], kept, broken, dict(found))


def _require_memory(rows: int, shape: tuple[int, int, int]) -> None:
    """Refuse what would have the process killed."""
    import psutil

    needed, free = rows * shape[0] * shape[1] * shape[2], psutil.virtual_memory().available
    if needed > free:
        what = f"{rows:,} pictures of {shape[0]} x {shape[1]} do not fit into memory"
        wanted = f"--data.size {int((free / needed) ** 0.5 * shape[0])} or less"
        raise BadInput(what, wanted=wanted, got=f"{needed / 2**30:,.1f} GiB, of which {free / 2**30:,.1f} are free")


def resized(pixels: np.ndarray, side: int) -> np.ndarray:
    """(rows, any height, any width, channels) uint8 as squares, in the way of all pictures."""
    shape = side, side, pixels.shape[-1]
    return decode([partial(encode_png, picture) for picture in pixels], shape).pixels


def encode_png(pixels: np.ndarray) -> bytes:
    """(height, width, 1 or 3) uint8 as PNG, which loses nothing."""
    return _encoded(pixels, "PNG")


def encode_jpeg(pixels: np.ndarray, quality: int) -> bytes:
    """(height, width, 1 or 3) uint8 as JPEG of a quality, 1 to 95."""
    return _encoded(pixels, "JPEG", quality=quality)


def _encoded(pixels: np.ndarray, form: str, **options: int) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(out, form, **options)
    return out.getvalue()


def refuse_broken(broken: Sequence[str]) -> None:
    """Raise what is told where broken files are not to be passed over."""
    if broken:
        more = f" and {len(broken) - 1:,} more" if len(broken) > 1 else ""
        raise BadInput(f"a picture that cannot be read{more}", wanted="readable pictures, or --data.corrupt list",
                       got=broken[0].partition(": ")[2], where=broken[0].partition(": ")[0])  # fmt: skip


def _header(picture: Encoded) -> tuple[int, int, bool] | str:
    """(height, width, coloured) from the header alone, or why there is none."""
    from PIL import Image, UnidentifiedImageError

    try:
        data = picture()
        if not data:
            return "empty file"
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError:
        return f"more than {MOST_PIXELS:,} pixels"
    except UnidentifiedImageError:
        return "not a picture (JPEG, PNG, BMP, GIF, WebP)"
    except (OSError, ValueError, SyntaxError) as error:
        return f"cannot be read: {str(error)[:80]}"
    width, height = image.size
    if width * height > MOST_PIXELS:
        return f"more than {MOST_PIXELS:,} pixels"
    if "exif" in image.info and image.getexif().get(ORIENTATION, 1) >= 5:  # without it, a PNG would be read to its end
        width, height = height, width
    return height, width, image.mode not in ("1", "L", "LA", "I", "F", "I;16", "I;16B", "I;16L")


def _common(headers: Sequence[tuple[int, int, bool]], side: int) -> tuple[int, int, int]:
    """The shape in which all are taken."""
    channels = 3 if any(coloured for *_, coloured in headers) else 1
    sizes = {(height, width) for height, width, _ in headers}
    if not side and len(sizes) == 1 and max(size := next(iter(sizes))) <= LARGEST_AS_IS:
        return (*size, channels)
    return side or USUAL_SIDE, side or USUAL_SIDE, channels


def _pixels(data: bytes, shape: tuple[int, int, int]) -> tuple[np.ndarray, list[str]]:
    """One picture in its final form, and what was done to it."""
    from PIL import Image, ImageOps

    done: list[str] = []
    image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
    if getattr(image, "n_frames", 1) > 1:
        done.append("animated")
    turned = ImageOps.exif_transpose(image)
    if image.getexif().get(ORIENTATION, 1) != 1:
        done.append("turned")
    plain = _converted(turned, shape[2], done)
    height, width = shape[:2]
    if (plain.height, plain.width) != (height, width):
        done.append("enlarged" if plain.height < height or plain.width < width else "resized")
        # Cropped before, not by a box of the resizing, which would look beyond the box.
        plain = plain.crop(centre(plain.height, plain.width, height, width))
        plain = plain.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(plain).reshape(shape), done


def centre(height: int, width: int, wanted_height: int, wanted_width: int) -> tuple[int, int, int, int]:
    """The largest box of the wanted shape around the centre: left, upper, right, lower."""
    tall = min(height, max(1, width * wanted_height // wanted_width))
    wide = min(width, max(1, height * wanted_width // wanted_height))
    top, left = (height - tall) // 2, (width - wide) // 2
    return left, top, left + wide, top + tall


def _converted(image: Image, channels: int, done: list[str]) -> Image:
    """With so many channels of 8 bits each."""
    from PIL import Image as pillow

    mode = image.mode
    if mode in ("I", "F", "I;16", "I;16B", "I;16L"):
        done.append("16 bits")
        high = np.clip(np.asarray(image, np.float64), 0, 65535)
        image = pillow.fromarray((high // 256).astype(np.uint8))
    elif mode == "CMYK":
        done.append("CMYK")
    if mode in ("LA", "RGBA", "PA") or "transparency" in image.info:
        done.append("transparent")
        image = image.convert("RGBA" if mode in ("P", "PA") else mode)
    grey = mode in ("1", "L", "LA", "I", "F", "I;16", "I;16B", "I;16L")
    if channels == 3 and grey:
        done.append("grey")
    elif channels == 1 and not grey:
        done.append("coloured")
    return image.convert("RGB" if channels == 3 else "L")
