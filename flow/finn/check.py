"""Every form of the graph is executed on the golden images and must equal the golden model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from qonnx.core.datatype import DataType

from flow.errors import UserError
from flow.finn.library import custom_op, prepare_finn
from flow.frontend.compare import Comparison, first_difference
from flow.frontend.golden.vectors import GoldenVectors

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import NodeProto
    from qonnx.core.modelwrapper import ModelWrapper

_POOLS = frozenset({"MaxPool", "MaxPoolNHWC", "Pool", "BnnMaxPool_rtl"})
_QUANTISERS = frozenset(
    {"MultiThreshold", "Thresholding", "BnnInputTable_rtl", "BnnInputOffset_rtl"}
)
_MATRIX_VECTOR = frozenset({"MVAU", "BnnMVU_rtl"})


def execute(model: ModelWrapper, image: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Execute a graph in Python on one input tensor; return every tensor by name."""
    from qonnx.core.onnx_exec import execute_onnx

    prepare_finn()
    inputs = {model.graph.input[0].name: image.astype(np.float32)}
    context: dict[str, NDArray[Any]] = execute_onnx(model, inputs, return_full_exec_context=True)
    return context


def compare_graph(
    model: ModelWrapper,
    vectors: GoldenVectors,
    *,
    takes_pixels: bool,
    progress: Callable[[int, int | None, str], None] = lambda done, total, text: None,
    on_context: Callable[[dict[str, NDArray[Any]]], None] = lambda context: None,
) -> Comparison:
    """Execute `model` on every golden image and compare activations and scores bit for bit.

    `takes_pixels`: the input is NHWC pixels (after streamlining), else float32 NCHW in [0, 1], or 0
    to 255 where it is annotated as UINT8. There the input quantiser's output is still scaled and is
    not compared by itself, and the scores still carry their scale and shift: they are taken off,
    and what is left is rounded to the integer it stands for.
    `on_context` is given every tensor of each image that is equal so far.
    """
    names = tap_tensors(model, vectors, nhwc=takes_pixels)
    output = model.graph.output[0].name
    raw = model.get_tensor_datatype(model.graph.input[0].name) == DataType["UINT8"]
    difference = ""
    for k, image in enumerate(vectors.images):
        progress(k, len(vectors.images), "images")
        tensor = image[None].astype(np.float32)
        if not takes_pixels:
            tensor = tensor if raw else tensor / np.float32(255)
            tensor = tensor.transpose(0, 3, 1, 2)
        context = execute(model, tensor)
        for (tap, codes), name in zip(vectors.taps, names, strict=True):
            if name is None:
                continue
            found = as_codes(model, name, context[name], nhwc=takes_pixels)
            difference = _difference(k, f"{name} (golden {tap})", found, codes[k])
            if difference:
                break
        scores = context[output].reshape(-1)
        if not takes_pixels:
            means = vectors.score_map
            scores = np.rint((scores - np.array(means.offset)) / np.array(means.scale))
        difference = difference or _difference(k, f"{output} (scores)", scores, vectors.scores[k])
        if difference:
            break
        on_context(context)
    compared = sum(name is not None for name in names) + 1
    return Comparison(len(vectors.images), compared, difference)


def tap_tensors(model: ModelWrapper, vectors: GoldenVectors, *, nhwc: bool) -> list[str | None]:
    """Return, for each golden tap in order, the tensor of `model` that must equal it.

    The k-th activation of a chain is the k-th tap. Where a pool has moved behind its activation,
    the pool's output is the one to compare. Raises UserError if the counts differ.
    """
    found: list[str | None] = []
    quantisers = list(_quantisers(model))
    if len(quantisers) != len(vectors.taps):
        raise UserError(
            f"the graph has {len(quantisers)} activations, the golden model {len(vectors.taps)}"
        )
    for k, (node, (_, codes)) in enumerate(zip(quantisers, vectors.taps, strict=True)):
        name = node.output[0]
        if k == 0 and not nhwc:
            found.append(None)
            continue
        if not nhwc:
            name = _behind_bias(model, name)
        elements = int(np.prod(codes.shape[1:]))
        while int(np.prod(model.get_tensor_shape(name))) != elements:
            name = _behind_pool(model, name)
        found.append(name)
    return found


def as_codes(
    model: ModelWrapper, name: str, value: NDArray[Any], *, nhwc: bool
) -> NDArray[np.int64]:
    """Return one image's tensor as golden codes, channels first: binary 0 is -1."""
    codes = value.astype(np.int64)
    if model.get_tensor_datatype(name).name == "BINARY":
        codes = 2 * codes - 1
    if nhwc and codes.ndim == 4:
        codes = codes.transpose(0, 3, 1, 2)
    first: NDArray[np.int64] = codes[0]
    return first


def _quantisers(model: ModelWrapper) -> Iterator[NodeProto]:
    for node in model.graph.node:
        if node.op_type in _QUANTISERS or (
            node.op_type in _MATRIX_VECTOR and not custom_op(node).get_nodeattr("noActivation")
        ):
            yield node


def _behind_bias(model: ModelWrapper, name: str) -> str:
    """Return the codes of an activation whose lowest code is still an Add of its own."""
    consumer = model.find_consumer(name)
    while consumer is not None and consumer.op_type == "Add":
        constant = model.get_initializer(consumer.input[1])
        if constant is None or constant.size != 1:
            break
        name = str(consumer.output[0])
        consumer = model.find_consumer(name)
    return name


def _behind_pool(model: ModelWrapper, name: str) -> str:
    consumer = model.find_consumer(name)
    while consumer is not None:
        if consumer.op_type in _POOLS:
            return str(consumer.output[0])
        consumer = model.find_consumer(consumer.output[0])
    raise UserError(f"tensor {name} has no counterpart in the golden model: its shape differs")


def _difference(image: int, what: str, found: NDArray[Any], golden: NDArray[Any]) -> str:
    return first_difference(what, found.reshape(1, *golden.shape), golden[None], image)
