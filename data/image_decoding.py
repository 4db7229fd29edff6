"""Encoded pictures to arrays of bytes: one way for all sources, what had to be converted counted, what is broken told.

A picture is turned as its EXIF tag says (a PNG is not, as it is not where models are served), cropped around its centre
to the wanted shape of a rectangle, and resized with antialiasing; of an animation the first frame is taken.
"""

from __future__ import annotations

import io
import os
import warnings
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data.errors import BadInput
from data.image_fitting import DEEP, GREY, fit, image_of

if TYPE_CHECKING:
    from PIL import Image

FORMATS = ("JPEG", "PNG", "BMP", "GIF", "WEBP")
MOST_PIXELS = 64_000_000  # a larger picture is taken for a bomb, and refused by its header alone
LARGEST_AS_IS = 96  # side up to which pictures of one size are taken as they are
USUAL_SIDE = 64
ORIENTATION = 0x0112  # the EXIF tag
PNG, PNG_DEPTH = b"\x89PNG\r\n\x1a\n", 24  # how a PNG begins, and which byte says how many bits a colour has

Encoded = bytes | Path  # a picture's file, in memory or on the disk


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
        digests: sha256 of each one's bytes.
        broken: those that cannot be read.
        found: what had to be done -> to how many, the most first.
    """

    pixels: np.ndarray
    kept: np.ndarray
    digests: list[bytes]
    broken: list[Broken]
    found: dict[str, int]


def decode(pictures: Sequence[Encoded], shape: tuple[int, int, int] | None = None, side: int = 0) -> Decoded:
    """Decode pictures in threads, each straight to its place.

    Of files the first bytes are read before, which say how large they are, and then each once as a whole: all of them
    together may be larger than the memory.

    Args:
        pictures: the bytes of each, or where they lie.
        shape: (height, width, channels) of all; None chooses them.
        side: where they are chosen, height and width; 0 keeps the size that all have, if it is small, else 64.

    Raises:
        BadInput: they do not fit into memory.
    """
    from PIL import Image

    warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # those are refused in our own words
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        headers = list(pool.map(_header, pictures))
        shape = shape or common_shape([h for h in headers if isinstance(h, tuple)], side)
        require_memory(len(pictures), shape)
        pixels = np.zeros((len(pictures), *shape), np.uint8)

        def fill(row: int) -> str | tuple[bytes, list[str]]:
            if isinstance(header := headers[row], str):
                return header
            try:
                data = one if isinstance(one := pictures[row], bytes) else one.read_bytes()
                pixels[row], done = _pixels(data, shape)
            except (OSError, ValueError, SyntaxError, EOFError, ArithmeticError, LookupError) as error:
                return _reason(error)
            return sha256(data).digest(), done

        filled = list(pool.map(fill, range(len(pictures))))
    broken = [Broken(row, why) for row, why in enumerate(filled) if isinstance(why, str)]
    good = {row: one for row, one in enumerate(filled) if isinstance(one, tuple)}
    kept, digests = np.array(list(good), np.int64), [digest for digest, _ in good.values()]
    found = Counter(what for _, done in good.values() for what in done)
    return Decoded(
        pixels if len(kept) == len(pixels) else pixels[kept], kept, digests, broken, dict(found.most_common())
    )


def _reason(error: Exception) -> str:
    """Why a picture cannot be decoded, in a few words."""
    if "truncated" in (said := str(error)).lower():
        return "cut short"
    return f"cannot be decoded: {(getattr(error, 'strerror', None) or said)[:80]}"


def require_memory(rows: int, shape: tuple[int, int, int]) -> None:
    """Refuse what would have the process killed.

    Raises:
        BadInput: with the size that would fit.
    """
    import psutil

    needed, free = rows * shape[0] * shape[1] * shape[2], psutil.virtual_memory().available
    if needed > free:
        what = f"{rows:,} pictures of {shape[0]} x {shape[1]} do not fit into memory"
        wanted = f"--data.size {int((free / needed) ** 0.5 * shape[0])} or less"
        raise BadInput(what, wanted=wanted, got=f"{needed / 2**30:,.1f} GiB, of which {free / 2**30:,.1f} are free")


def fitted(pictures: Sequence[np.ndarray], side: int = 0) -> np.ndarray:
    """Pictures that come as arrays, (height, width, 1 or 3) uint8 each, in one size as files would be.

    Args:
        pictures: of any sizes.
        side: height and width; 0 keeps the size that all have, if it is small, else 64.

    Raises:
        BadInput: they do not fit into memory.
    """
    shape = common_shape([(*one.shape[:2], one.shape[2] == 3) for one in pictures], side)
    require_memory(len(pictures), shape)
    return np.stack([fit(image_of(one), shape, []) for one in pictures])


def refuse_broken(broken: Sequence[str]) -> None:
    """Raise what is told where broken files are not to be passed over."""
    if broken:
        more = f" and {len(broken) - 1:,} more" if len(broken) > 1 else ""
        raise BadInput(f"a picture that cannot be read{more}", wanted="readable pictures, or --data.corrupt list",
                       got=broken[0].partition(": ")[2], where=broken[0].partition(": ")[0])  # fmt: skip


def _header(picture: Encoded) -> tuple[int, int, bool] | str:
    """(height, width, coloured) from the first bytes alone, or why there is none."""
    from PIL import Image, UnidentifiedImageError

    try:
        if not (len(picture) if isinstance(picture, bytes) else picture.stat().st_size):
            return "empty file"
        with Image.open(io.BytesIO(picture) if isinstance(picture, bytes) else picture, formats=FORMATS) as image:
            width, height = image.size
            if width * height > MOST_PIXELS:
                return f"more than {MOST_PIXELS:,} pixels"
            if _tag(image) >= 5:
                width, height = height, width
            return height, width, image.mode not in GREY
    except Image.DecompressionBombError:
        return f"more than {MOST_PIXELS:,} pixels"
    except UnidentifiedImageError:
        return "not a picture (JPEG, PNG, BMP, GIF, WebP)"
    except FileNotFoundError:
        return "no such file, or a link that leads nowhere"
    except (OSError, ValueError, SyntaxError) as error:
        return _reason(error)


def common_shape(headers: Sequence[tuple[int, int, bool]], side: int) -> tuple[int, int, int]:
    """The shape in which all are taken, of what is known of each: height, width, whether it is coloured."""
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
        done.append("of several frames")
    if image.mode not in DEEP and data.startswith(PNG) and data[PNG_DEPTH] == 16:
        done.append("of 16 bits")  # which Pillow opens as 8, where there are colours
    if _tag(image) != 1:
        image = ImageOps.exif_transpose(image)
        done.append("turned")
    return fit(image, shape, done), done


def _tag(image: Image.Image) -> int:
    """EXIF's orientation of a picture just opened; 1 where it stays as it is."""
    return 1 if image.format == "PNG" or "exif" not in image.info else image.getexif().get(ORIENTATION, 1)
