"""Vision transformers by their papers' names.

Exact figures are those of the papers' networks as torchvision 0.29 and timm 1.0 build them, counted on shapes alone;
attention's products are counted.
"""

from __future__ import annotations

from arch.variants.published import Variant, imagenet


def _vit(
    patch_size: int,
    size: tuple[int, int, int],
    parameters: int,
    multiply_adds: int,
    source: str = "Dosovitskiy 2021, table 1",
) -> Variant:
    depth, width, heads = size
    options = {"patch_size": patch_size, "depth": depth, "width": width, "heads": heads}
    return imagenet("vit", source, parameters, multiply_adds, **options)


_TINY, _SMALL, _BASE, _LARGE, _HUGE = (12, 192, 3), (12, 384, 6), (12, 768, 12), (24, 1024, 16), (32, 1280, 16)

VARIANTS: dict[str, Variant] = {
    "vit_ti16": _vit(16, _TINY, 5717416, 1253683200, "Touvron 2021, table 1"),
    "vit_s16": _vit(16, _SMALL, 22050664, 4598882304, "Touvron 2021, table 1"),
    "vit_s32": _vit(32, _SMALL, 22878952, 1142909952, "Steiner 2022, table 2"),
    "vit_b16": _vit(16, _BASE, 86567656, 17563828224),
    "vit_b32": _vit(32, _BASE, 88224232, 4409186304),
    "vit_l16": _vit(16, _LARGE, 304326632, 61554712576),
    "vit_h14": _vit(14, _HUGE, 632045800, 167295109120),
}
