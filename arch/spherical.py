"""Spherical harmonics up to degree 2, how they turn, and how two of them make a third.

Degree 0 is a number, degree 1 a vector (x, y, z), degree 2 a symmetric matrix without trace, told by its coordinates in
five orthonormal ones. Side by side these are 9 components. Squares of the components of one degree average to 1 over
the sphere, so that no degree outweighs another.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import product
from typing import Any

import numpy as np
from keras import ops

from arch.blocks import require

DEGREES = (0, 1, 2)
_LEVI_CIVITA = np.array(
    [[[(i - j) * (j - k) * (k - i) / 2 for k in range(3)] for j in range(3)] for i in range(3)]
)  # 1 for even orders of 0, 1, 2, -1 for odd ones, else 0


def components(degree: int) -> slice:
    """Where the components of a degree lie among those of all degrees."""
    return slice(degree**2, (degree + 1) ** 2)


@cache
def _matrices() -> np.ndarray:
    """Five orthonormal symmetric matrices without trace: xy, yz, 2zz - xx - yy, xz, xx - yy; (5, 3, 3)."""
    made = np.zeros((5, 3, 3))
    for index, (i, j) in ((0, (0, 1)), (1, (1, 2)), (3, (0, 2))):
        made[index, i, j] = made[index, j, i] = 0.5**0.5
    made[2] = np.diag([-1, -1, 2]) / 6**0.5
    made[4] = np.diag([1, -1, 0]) / 2**0.5
    return made


def harmonics(directions: Any, highest: int = 2) -> Any:
    """The components of unit vectors: (..., 3) to (..., (highest + 1) ** 2)."""
    parts = [ops.ones_like(directions[..., :1]), 3**0.5 * directions]
    matrices = ops.convert_to_tensor(_matrices(), directions.dtype)
    parts.append(7.5**0.5 * ops.einsum("...i,aij,...j->...a", directions, matrices, directions))
    return ops.concatenate(parts[: highest + 1], axis=-1)


def turned(rotation: np.ndarray, highest: int = 2) -> np.ndarray:
    """The matrix D by which components turn as vectors do by a rotation R, (3, 3): harmonics(R u) = D harmonics(u)."""
    matrices = _matrices()
    whole = np.zeros((9, 9))
    whole[0, 0] = 1.0
    whole[components(1), components(1)] = rotation
    whole[components(2), components(2)] = np.einsum("aij,ik,bkl,jl->ab", matrices, rotation, matrices, rotation)
    size = (highest + 1) ** 2
    return whole[:size, :size]


@cache
def coupling(one: int, other: int, result: int) -> np.ndarray:
    """The one bilinear map of two degrees to a third that turns with them (Clebsch and Gordan's coefficients).

    Up to a factor it is unique, so each may be written as a product of the matrices that stand for the degrees:
    a scalar product, a cross product, a trace. Squares of the outputs sum to those of random inputs on average.

    Returns:
        (2 * one + 1, 2 * other + 1, 2 * result + 1); the three degrees must obey the triangle inequality.
    """
    degrees = (one, other, result)
    require(abs(one - other) <= result <= one + other, "coupling", "degrees must make a triangle", degrees)
    order = sorted(range(3), key=lambda place: degrees[place])
    invariant = _invariant(tuple(sorted(degrees)))
    found = np.transpose(invariant, np.argsort(order))
    return found * ((2 * result + 1) ** 0.5 / np.linalg.norm(found))


def _invariant(degrees: tuple[int, ...]) -> np.ndarray:
    """The number that three things of these degrees, in rising order, make whichever way they are turned."""
    matrices = _matrices()
    if degrees[0] == 0:
        return np.eye(2 * degrees[1] + 1)[None]
    made: dict[tuple[int, ...], Callable[[], np.ndarray]] = {
        (1, 1, 1): lambda: _LEVI_CIVITA,
        (1, 1, 2): lambda: np.moveaxis(matrices, 0, 2),
        (1, 2, 2): lambda: np.einsum("ijk,ajl,blk->iab", _LEVI_CIVITA, matrices, matrices),
        (2, 2, 2): lambda: np.einsum("aij,bjk,cki->abc", matrices, matrices, matrices),
    }
    return made[degrees]()


@cache
def paths(highest: int) -> np.ndarray:
    """The couplings of all degrees up to the highest, each in its place among all components.

    Returns:
        (paths, n, n, n), n = (highest + 1) ** 2; axes are filter, input, output.
    """
    size = (highest + 1) ** 2
    found = []
    for one, other, result in product(range(highest + 1), repeat=3):
        if abs(one - other) <= result <= one + other:
            path = np.zeros((size, size, size))
            path[components(one), components(other), components(result)] = coupling(one, other, result)
            found.append(path)
    return np.array(found).astype("float32")
