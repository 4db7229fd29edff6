"""The exported model in memory: its signatures called, its complaints turned into sentences."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipelines.serve.folder import Export, ExportError
from pipelines.serve.wire import Field, Question, Refusal, read_question

DEFAULT = "serving_default"
LONGEST_REASON = 200


@dataclass(frozen=True)
class Signature:
    """One way to call the model.

    Attributes:
        fields: its inputs by name.
        function: TensorFlow's, from named tensors to named tensors.
        description: as TensorFlow Serving's metadata page gives it.
    """

    fields: Mapping[str, Field]
    function: Any
    description: Mapping[str, Any]

    def __call__(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Named outputs, in the order of their names.

        Raises:
            Refusal: 400 where the graph refuses its input.
        """
        import tensorflow as tf

        try:
            tensors = {name: tf.constant(array) for name, array in arrays.items()}
            outputs = self.function(**tensors)
            return {name: outputs[name].numpy() for name in sorted(outputs)}
        except tf.errors.InvalidArgumentError as error:
            raise Refusal(400, reason(str(error))) from None


def prepare(threads: int) -> None:
    """Import TensorFlow and set its threads, which it allows once and before the first tensor.

    Args:
        threads: in one operation; operations themselves run one after the other.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def load(export: Export) -> dict[str, Signature]:
    """The signatures of an export, warmed up by its example.

    Raises:
        ExportError: when TensorFlow cannot load it or it cannot answer its own example.
    """
    import tensorflow as tf

    try:
        model = tf.saved_model.load(str(export.folder))
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise ExportError(f"{export.folder} cannot be loaded", wanted="a SavedModel", got=first_line(error)) from error
    described = describe(export)
    # Functions of a SavedModel hold it by a weak reference: the closure keeps the model alive.
    signatures = {
        name: Signature(fields_of(function), keeping(model, function), described[name])
        for name, function in model.signatures.items()
    }
    warm_up(signatures, export)
    return signatures


def keeping(model: Any, function: Any) -> Any:
    """The function, with the model kept in memory."""
    return lambda **tensors: (model, function(**tensors))[1]


def fields_of(function: Any) -> dict[str, Field]:
    """The named inputs of a signature."""
    specs = function.structured_input_signature[1]
    return {name: Field(name, np.dtype(spec.dtype.as_numpy_dtype), shape_of(spec)) for name, spec in specs.items()}


def shape_of(spec: Any) -> tuple[int | None, ...] | None:
    """The declared shape, None where even the rank is free."""
    return None if spec.shape.rank is None else tuple(spec.shape.as_list())


def warm_up(signatures: Mapping[str, Signature], export: Export) -> None:
    """Answer the export's example once, which also optimises the graph."""
    if DEFAULT not in signatures:
        raise ExportError(f"{export.folder} cannot be served", wanted=f"a signature {DEFAULT}", got=list(signatures))
    signature = signatures[DEFAULT]
    try:
        question: Question = read_question(export.example, signature.fields, max_rows=2**31)
        signature(question.arrays)
    except Refusal as error:
        raise ExportError(f"{export.folder} refuses its own example", wanted="an answer", got=error) from error


def describe(export: Export) -> dict[str, Any]:
    """The signatures as the SavedModel itself describes them, in TensorFlow Serving's JSON."""
    from google.protobuf.json_format import MessageToDict
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((export.folder / "saved_model.pb").read_bytes())
    definitions = saved.meta_graphs[0].signature_def
    options = {"preserving_proto_field_name": True, "always_print_fields_with_no_presence": True}
    return {name: MessageToDict(definition, **options) for name, definition in definitions.items()}


def first_line(error: Exception) -> str:
    """The start of a long message."""
    return str(error).strip().split("\n", 1)[0][:LONGEST_REASON]


def reason(message: str) -> str:
    """One sentence out of TensorFlow's message: no stack, no names of nodes, no values.

    An assertion's message is its first bracket, those that follow hold data; other operations put data after a colon
    or between quotes.
    """
    asserted = re.search(r"assertion failed: \[(.*?)\](?= \[|\s*$|\n)", message, re.DOTALL)
    if asserted:
        sentence = asserted[1]
    else:
        sentence = message.split("\n\t [[")[0].strip().split("\n")[-1]
        sentence = re.sub(r"\{\{.*?\}\}\s*|'[^']*'|\"[^\"]*\"|: .*|\[Op:.*", "", sentence)
    sentence = " ".join(sentence.split())[:LONGEST_REASON]
    return sentence or "the model refuses this input"
