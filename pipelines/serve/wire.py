"""JSON to arrays and back. No answer repeats what the client sent: names and shapes are told, values never."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson


class Refusal(Exception):
    """A request that is answered with an error.

    Args:
        status: the HTTP status.
        reason: one sentence for the client.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


@dataclass(frozen=True)
class Field:
    """One input of a signature.

    Attributes:
        name: its name in the request.
        dtype: NumPy's; `object` stands for strings of bytes.
        shape: with None where any size fits, or None where any shape fits.
    """

    name: str
    dtype: np.dtype
    shape: tuple[int | None, ...] | None


@dataclass(frozen=True)
class Question:
    """A request, read and checked.

    Attributes:
        arrays: one for each input of the signature.
        rows: how many, for the limit and the metrics.
        by_row: whether the client asked with `instances`, thus wants `predictions`.
    """

    arrays: Mapping[str, np.ndarray]
    rows: int
    by_row: bool


def read_body(body: bytes) -> dict[str, Any]:
    """The request's JSON object, with exactly one of `instances` and `inputs`."""
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refusal(400, f"the body is not JSON: {error}") from error
    if not isinstance(request, dict):
        raise Refusal(400, "the body must be a JSON object with 'instances' or 'inputs'")
    if request.keys() - {"instances", "inputs", "signature_name"}:
        raise Refusal(400, "unknown key in the body; wanted 'instances' or 'inputs', and 'signature_name' if need be")
    if ("instances" in request) == ("inputs" in request):
        raise Refusal(400, "the body must hold either 'instances' (rows) or 'inputs' (columns)")
    if not isinstance(request.get("signature_name", ""), str):
        raise Refusal(400, "'signature_name' must be text")
    return request


def read_question(request: Mapping[str, Any], fields: Mapping[str, Field], max_rows: int) -> Question:
    """The arrays of a request.

    Raises:
        Refusal: 400 with the reason where they do not fit the signature, 413 above `max_rows`.
    """
    by_row = "instances" in request
    columns = rows_to_columns(request["instances"], fields) if by_row else name_columns(request["inputs"], fields)
    rows = max((len(column) for column in columns.values() if isinstance(column, list)), default=1)
    if rows > max_rows:
        raise Refusal(413, f"too many rows at once; wanted at most {max_rows}, got {rows}")
    return Question({name: to_array(columns[name], field) for name, field in fields.items()}, rows, by_row)


def rows_to_columns(instances: Any, fields: Mapping[str, Field]) -> dict[str, list[Any]]:
    """Rows, each an object of named values or, for a model with one input, the bare value."""
    if not isinstance(instances, list) or not instances:
        raise Refusal(400, "'instances' must be a list of at least one row")
    names = fields.keys()
    if len(names) == 1 and not any(isinstance(row, dict) and row.keys() == names for row in instances):
        return {next(iter(names)): instances}
    for index, row in enumerate(instances):
        if not isinstance(row, dict) or row.keys() != names:
            raise Refusal(400, f"instances[{index}]: wanted an object with exactly {', '.join(names)}")
    return {name: [row[name] for row in instances] for name in names}


def name_columns(inputs: Any, fields: Mapping[str, Field]) -> dict[str, Any]:
    """Columns by name or, for a model with one input, the bare column."""
    names = fields.keys()
    if isinstance(inputs, dict) and inputs.keys() == names:
        return inputs
    if len(names) == 1 and isinstance(inputs, list):
        return {next(iter(names)): inputs}
    raise Refusal(400, f"'inputs': wanted an object with exactly {', '.join(names)}")


def to_array(values: Any, field: Field) -> np.ndarray:
    """The values as an array of the field's type and shape.

    The types are looked at in an array of objects first: NumPy would turn "1.5", null and true into numbers, and
    would lay out one long string beside many short ones in memory that grows with their product.
    """
    if values == [] and field.shape:
        return np.zeros([0, *(size or 0 for size in field.shape[1:])], field.dtype)
    if (field.shape or ())[:2] == (None, None) and field.dtype.kind == "f" and differ_in_length(values):
        return aligned_right(values, field)
    try:
        array = np.array(values, dtype=object)
    except ValueError as error:
        raise Refusal(400, f"{field.name}: rows differ in shape") from error
    cast = to_strings if field.dtype == object else to_numbers
    array = cast(array, field)
    if field.shape is not None and not fits(array.shape, field.shape):
        wanted, got = list(field.shape), list(array.shape)
        raise Refusal(400, f"{field.name}: wanted shape {orjson.dumps(wanted).decode()}, got {got}")
    return array


def differ_in_length(values: Any) -> bool:
    """Whether it is a list of lists of several lengths."""
    return isinstance(values, list) and all(isinstance(v, list) for v in values) and len({len(v) for v in values}) > 1


def aligned_right(values: list[list[Any]], field: Field) -> np.ndarray:
    """Rows of several lengths as one array, NaN in front of the shorter ones: series that end at the same time."""
    inner = field.shape[2:] if field.shape else ()
    result = np.full((len(values), max(map(len, values)), *(size or 0 for size in inner)), np.nan, field.dtype)
    for index, (row, numbers) in enumerate(zip(result, values, strict=True)):
        if numbers:
            own = Field(f"{field.name}[{index}]", field.dtype, (None, *inner))
            row[len(row) - len(numbers) :] = to_array(numbers, own)
    return result


def fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    """Whether a shape is one of those that were declared."""
    return len(shape) == len(wanted) and all(w in (None, s) for s, w in zip(shape, wanted, strict=True))


def to_strings(array: np.ndarray, field: Field) -> np.ndarray:
    """Text as UTF-8 and {"b64": ...} as the bytes it stands for."""
    flat = [value.encode() if type(value) is str else from_base64(value, field) for value in array.ravel()]
    result = np.empty(array.size, dtype=object)
    result[:] = flat
    return result.reshape(array.shape)


def from_base64(value: Any, field: Field) -> bytes:
    """The bytes of {"b64": text}."""
    if isinstance(value, list):
        raise Refusal(400, f"{field.name}: rows differ in shape or are nested too deep")
    if not isinstance(value, dict) or value.keys() != {"b64"} or not isinstance(value["b64"], str):
        raise Refusal(400, f"{field.name}: wanted strings, or bytes as {{'b64': text}}")
    try:
        return base64.b64decode(value["b64"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refusal(400, f"{field.name}: the text of 'b64' is not base64") from error


def to_numbers(array: np.ndarray, field: Field) -> np.ndarray:
    """Numbers of the field's type: no text, no null, no fraction for a whole number, nothing out of range."""
    kinds: dict[str, set[type]] = {"b": {bool}, "i": {int}, "u": {int}}
    allowed = kinds.get(field.dtype.kind, {int, float})
    types = set(map(type, array.ravel()))
    if list in types:
        raise Refusal(400, f"{field.name}: rows differ in shape or are nested too deep")
    if types - allowed:
        wrong = [type(value) not in allowed for value in array.ravel()]
        raise Refusal(400, f"{_place(wrong, array, field)}: wanted {field.dtype} values alone")
    try:
        with np.errstate(over="ignore"):
            result = array.astype(field.dtype)
    except (OverflowError, TypeError, ValueError) as error:
        raise Refusal(400, f"{field.name}: a number is out of the range of {field.dtype}") from error
    if result.dtype.kind == "f" and not np.isfinite(result).all():
        place = _place(~np.isfinite(result).ravel(), array, field)
        raise Refusal(400, f"{place}: a number is out of the range of {field.dtype}")
    return result


def _place(wrong: Any, array: np.ndarray, field: Field) -> str:
    """Where the first wrong value stands, as JavaScript writes it: `history[0][3]`."""
    return field.name + "".join(f"[{index}]" for index in np.unravel_index(int(np.argmax(wrong)), array.shape))


def write_answer(outputs: Mapping[str, np.ndarray], question: Question) -> bytes:
    """`predictions` (rows) or `outputs` (columns); a single output stands without its name, as TF Serving has it."""
    columns = {name: to_json(name, array) for name, array in outputs.items()}
    bare = next(iter(columns.values())) if len(columns) == 1 else None
    if not question.by_row:
        answer: dict[str, Any] = {"outputs": columns if bare is None else bare}
    else:
        for name, array in outputs.items():
            if array.ndim == 0 or len(array) != question.rows:
                raise Refusal(400, f"output {name} has no row for each instance; ask with 'inputs' (columns)")
        rows = zip(*columns.values(), strict=True)
        answer = {"predictions": [dict(zip(columns, row, strict=True)) for row in rows] if bare is None else bare}
    return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)


def to_json(name: str, array: np.ndarray) -> Any:
    """What orjson writes: arrays of numbers as they are (NaN becomes null), strings as text, `*_bytes` as base64."""
    if array.dtype == object:
        return text(array.tolist(), name.endswith("_bytes"))
    if array.dtype.kind not in "fiub":
        array = array.astype(np.float32)
    return np.ascontiguousarray(array) if array.ndim else array[()]


def text(value: Any, as_base64: bool) -> Any:
    """Bytes, or lists of them, as JSON."""
    if isinstance(value, list):
        return [text(item, as_base64) for item in value]
    return {"b64": base64.b64encode(value).decode()} if as_base64 else value.decode("utf-8", "replace")
