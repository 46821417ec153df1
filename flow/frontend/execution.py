"""Execute a file node by node: qonnx's operators, and one onnxruntime session a node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import NodeProto, helper, numpy_helper

from flow.errors import UserError

Array = NDArray[Any]
Tensors = dict[str, Array]
STANDARD = ("", "ai.onnx")
MOVES = (
    *("Concat", "Dropout", "Flatten", "Identity", "Pad"),
    *("Reshape", "Squeeze", "Transpose", "Unsqueeze"),
)
_GENERAL = "qonnx.custom_op.general"
_IR_VERSION = 9


def rounded(values: Array, scale: Array) -> NDArray[np.bool_]:
    """Return which float32 values are no integer times the scale, but only the nearest number."""
    exact = np.asarray(values, np.float64), np.asarray(scale, np.float64)
    return np.asarray(np.rint(exact[0] / exact[1]) * exact[1] != exact[0])


def along_axis(node: NodeProto, scale: Array, rank: int) -> Array:
    """Return the scale of a QuantizeLinear or DequantizeLinear, to be broadcast to its tensor."""
    axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
    shape = [1] * rank
    if scale.size > 1:
        shape[axis] = scale.size
    return scale.reshape(shape)


def opset_of(model: onnx.ModelProto) -> int:
    """Return the version of the standard operators that the file asks for."""
    return next((o.version for o in model.opset_import if o.domain in STANDARD), 1)


def standard_model(node: NodeProto, inputs: Mapping[str, Array], opset: int) -> onnx.ModelProto:
    """Return a model of this node alone; element types are those of `inputs`, shapes stay open."""
    sources = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), None)
        for name, value in inputs.items()
    ]
    outputs = [onnx.ValueInfoProto(name=name) for name in node.output if name]
    graph = helper.make_graph([node], "node", sources, outputs)
    imports = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=imports, ir_version=_IR_VERSION)


def quantise(node: NodeProto, inputs: Mapping[str, Array]) -> Array:
    """Run a node of a custom domain with qonnx's own operator; float64 inputs stay float64 inside.

    UserError where qonnx has no such operator.
    """
    from qonnx.custom_op.registry import getCustomOp, is_custom_op

    if not is_custom_op(node.domain, node.op_type):  # an old or a foreign name of the domain
        renamed = NodeProto()
        renamed.CopyFrom(node)
        renamed.domain = _GENERAL
        node = renamed
    context = dict(inputs)
    version = 2 if node.op_type == "Trunc" and len(node.input) > 5 else 1
    try:
        getCustomOp(node, onnx_opset_version=version).execute_node(context, None)
    except KeyError as error:
        raise UserError(f"witness: qonnx cannot execute {node.op_type} '{node.name}'") from error
    return np.asarray(context[node.output[0]])


class Execution:
    """A file ready to run; sessions and what depends on no image are kept.

    `constants` holds the initializers and, after the first use, the outputs of the nodes that
    depend on nothing else; `nodes` are the others, in topological order. Annotations of data types
    are no computation: values are not rounded to them.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.opset = opset_of(model)
        self._sessions: dict[str, ort.InferenceSession] = {}
        self.constants: Tensors = {
            t.name: np.asarray(numpy_helper.to_array(t)) for t in model.graph.initializer
        }
        self.rounded_constants: set[str] = set()
        """Computed ones that are not exactly what their node means: code * scale in float32."""
        self.nodes: list[NodeProto] = []
        for node in model.graph.node:
            if all(name in self.constants for name in node.input if name):
                self.run_node(node, self.constants)
                if self._rounds(node):
                    self.rounded_constants.update(node.output)
            else:
                self.nodes.append(node)

    @property
    def executor(self) -> str:
        """Who runs the file's quantisers: qonnx, or onnxruntime where every node is standard."""
        standard = all(node.domain in STANDARD for node in self.model.graph.node)
        return "onnxruntime" if standard else "qonnx"

    def _rounds(self, node: NodeProto) -> bool:
        names = [name for name in node.input if name]
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            scale = along_axis(node, self.constants[names[1]], self.constants[names[0]].ndim)
            stored = node.op_type == "DequantizeLinear"
            return stored and bool(rounded(self.constants[node.output[0]], scale).any())
        if node.domain not in STANDARD:
            return bool(rounded(self.constants[node.output[0]], self.constants[names[1]]).any())
        return node.op_type not in MOVES or not self.rounded_constants.isdisjoint(names)

    @property
    def source(self) -> onnx.ValueInfoProto:
        """The one input that is no initializer; UserError where there is not exactly one."""
        found = [v for v in self.model.graph.input if v.name not in self.constants]
        if len(found) != 1:
            raise UserError(f"witness: the file has {len(found)} inputs; exactly one is the image")
        source: onnx.ValueInfoProto = found[0]
        return source

    @property
    def batch(self) -> int:
        """Images of one pass: what the file declares, 1 where it leaves the batch open."""
        return int(self.source.type.tensor_type.shape.dim[0].dim_value) or 1

    def run(
        self, images: Array, forced: Callable[[str, NodeProto | None, Tensors], None]
    ) -> Tensors:
        """Execute the file on `images`, cast to its type, and return every tensor by name.

        forced(tensor, node, context) is called for the input (without a node) and behind each node;
        it may replace `context[tensor]` before anything reads it.
        """
        kind = helper.tensor_dtype_to_np_dtype(self.source.type.tensor_type.elem_type)
        context = {**self.constants, self.source.name: images.astype(kind)}
        forced(self.source.name, None, context)
        for node in self.nodes:
            self.run_node(node, context)
            forced(node.output[0], node, context)
        return context

    def run_node(self, node: NodeProto, context: Tensors) -> None:
        """Execute one node and put its outputs into `context`."""
        inputs = {name: context[name] for name in node.input if name}
        if node.domain not in STANDARD:
            context[node.output[0]] = quantise(node, inputs)
            return
        key = node.output[0]
        if key not in self._sessions:
            options = ort.SessionOptions()
            options.intra_op_num_threads = 1
            options.log_severity_level = 3
            model = standard_model(node, inputs, self.opset)
            self._sessions[key] = ort.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        names = [name for name in node.output if name]
        values = self._sessions[key].run(names, inputs)
        context.update(zip(names, map(np.asarray, values), strict=True))
