"""From FINN's hardware layers to ours: one node of ours for each pattern of FINN's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from onnx import helper
from qonnx.core.datatype import DataType
from qonnx.transformation.general import GiveReadableTensorNames, RemoveUnusedTensors
from qonnx.transformation.infer_datatypes import InferDataTypes
from qonnx.transformation.infer_shapes import InferShapes

from flow.errors import UserError
from flow.hw.costs import kernels
from flow.hw.folding.layers import folded_pixels, gives_bits
from flow.hw.stream import pooled_pixels
from flow.tools.finn import RTL_DOMAIN, apply_all, custom_op

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import NodeProto
    from qonnx.core.modelwrapper import ModelWrapper

Weights = Literal["auto", "initialised", "loadable"]
"""How weights come into the accelerator: with its configuration, or sent in after reset."""

_ONE_BIT = ("BINARY", "BIPOLAR", "INT2")
MOST_WEIGHT_BITS = 9
"""8, and one for the negative of the lowest code in a channel that falls."""
MOST_STEPS = 255


def specialize(model: ModelWrapper, weights: Weights = "auto") -> ModelWrapper:
    """Return the folded hardware graph with our RTL layers in place of FINN's.

    Padding joins the window behind it, a window and a pool become one max-pool, and every 1-bit
    tensor becomes bipolar. The memories are loadable where `weights` says so, and for "auto" where
    one of them is UltraRAM, which has no initial contents. Raises UserError naming a node that has
    no RTL of ours.
    """
    nodes = list(model.graph.node)
    builder = _Builder(model, is_loadable(model, weights))
    while nodes:
        kinds = [node.op_type for node in nodes[:3]]
        if kinds[0] == "Thresholding":
            builder.input_quantizer(nodes.pop(0))
        elif kinds[:2] == ["ConvolutionInputGenerator", "Pool"]:
            builder.pool(nodes.pop(0), nodes.pop(0))
        elif kinds[:2] == ["FMPadding", "ConvolutionInputGenerator"]:
            builder.window(nodes.pop(0), nodes.pop(0), nodes[:1])
        elif kinds[0] == "ConvolutionInputGenerator":
            builder.window(None, nodes.pop(0), nodes[:1])
        elif kinds[0] == "MVAU":
            builder.matrix_vector(nodes.pop(0))
        else:
            raise UserError(
                f"specialize: {nodes[0].name} ({kinds[0]}) has no RTL implementation here"
            )
    return builder.finish()


def is_loadable(model: ModelWrapper, weights: Weights) -> bool:
    """Return whether the memories of a folded graph are loaded after reset.

    Raises UserError naming a layer in UltraRAM where `weights` is "initialised".
    """
    units = [node for node in model.graph.node if node.op_type == "MVAU"]
    ultra = [node.name for node in units if custom_op(node).get_nodeattr("ram_style") == "ultra"]
    if ultra and weights == "initialised":
        raise UserError(
            f"specialize: the weights of {ultra[0]} lie in UltraRAM ([fold.layers.{ultra[0]}] "
            'style), which has no initial contents; set specialize.weights to "auto" or "loadable"'
        )
    return bool(ultra) or weights == "loadable"


class _Builder:
    """Appends our nodes one by one; knows datatype and pixels of the stream so far."""

    def __init__(self, model: ModelWrapper, loadable: bool) -> None:
        self._model = model
        self._loadable = loadable
        self._folded_pixels = folded_pixels(model)
        self._pixels = 1
        self._nodes: list[NodeProto] = []
        self._datatype = "UINT8"
        self._counts: dict[str, int] = {}

    def input_quantizer(self, node: NodeProto) -> None:
        if self._nodes:
            raise UserError(
                f"specialize: {node.name} (Thresholding) stands alone in the graph; "
                "an activation must follow a matrix product"
            )
        op = custom_op(node)
        steps = self._model.get_initializer(node.input[1])
        codes = op.get_nodeattr("ActVal") + (np.arange(256)[:, None] >= steps).sum(axis=1)
        datatype = op.get_nodeattr("outputDataType")
        if set(np.unique(codes)) <= {-1, 1} or datatype in ("BINARY", "BIPOLAR"):
            codes, datatype = np.where(codes > codes.min(), 1, -1), "BIPOLAR"
        shape = [int(v) for v in self._model.get_tensor_shape(node.input[0])]
        offset = _offset(codes)
        if offset is not None:
            self._add(
                "BnnInputOffset_rtl", node, "InputOffset", datatype, Shape=shape, Offset=offset
            )
        else:
            self._model.set_initializer(node.input[1], codes.astype(np.float32))
            self._model.set_tensor_datatype(node.input[1], DataType[datatype])
            self._add("BnnInputTable_rtl", node, "InputTable", datatype, Shape=shape)

    def window(
        self, padding: NodeProto | None, node: NodeProto, following: list[NodeProto]
    ) -> None:
        op = custom_op(node)
        if list(op.get_nodeattr("Dilation")) != [1, 1] or op.get_nodeattr("depthwise"):
            raise UserError(
                f"specialize: {node.name} is dilated or depthwise; "
                "only dense convolutions are supported"
            )
        pads = [0, 0, 0, 0]
        dims = [int(v) for v in op.get_nodeattr("IFMDim")]
        first = node
        if padding is not None:
            first, pad_op = padding, custom_op(padding)
            pads = [int(v) for v in pad_op.get_nodeattr("Padding")]
            dims = [int(v) for v in pad_op.get_nodeattr("ImgDim")]
        binary = op.get_nodeattr("inputDataType") == "BINARY" and self._datatype == "BIPOLAR"
        flagged = any(pads) and not binary and self._datatype == "BIPOLAR"
        pixels_in = self._pixels
        self._pixels = self._folded_pixels.get(following[0].name, 1) if following else 1
        self._add(
            "BnnSlidingWindow_rtl",
            node,
            "SlidingWindow",
            "TERNARY" if flagged else self._datatype,
            source=first.input[0],
            IFMDim=dims,
            OFMDim=[int(v) for v in op.get_nodeattr("OFMDim")],
            IFMChannels=int(op.get_nodeattr("IFMChannels")),
            SIMD=int(op.get_nodeattr("SIMD")),
            ConvKernelDim=[int(v) for v in op.get_nodeattr("ConvKernelDim")],
            Stride=[int(v) for v in op.get_nodeattr("Stride")],
            Padding=pads,
            PadValue=-1 if binary and any(pads) else 0,
            PixelsIn=pixels_in,
            PixelsOut=self._pixels,
        )

    def pool(self, node: NodeProto, pool: NodeProto) -> None:
        op, pool_op = custom_op(node), custom_op(pool)
        kernel = [int(v) for v in op.get_nodeattr("ConvKernelDim")]
        stride = [int(v) for v in op.get_nodeattr("Stride")]
        dims = [int(v) for v in op.get_nodeattr("IFMDim")]
        if pool_op.get_nodeattr("Function") != "MaxPool" or kernel != stride:
            raise UserError(
                f"specialize: {pool.name} overlaps or is no max-pool; "
                "use max-pooling with a stride equal to its size"
            )
        if dims[0] % kernel[0] or dims[1] % kernel[1]:
            raise UserError(
                f"specialize: {pool.name}: a {kernel[0]}x{kernel[1]} pool does not divide a "
                f"{dims[0]}x{dims[1]} map"
            )
        pixels = self._pixels
        try:
            self._pixels = pooled_pixels(pixels, kernel[1])
        except ValueError as error:
            raise UserError(f"specialize: {pool.name}: {error}") from error
        self._add(
            "BnnMaxPool_rtl",
            pool,
            "MaxPool",
            self._datatype,
            source=node.input[0],
            IFMDim=dims,
            Channels=int(op.get_nodeattr("IFMChannels")),
            PE=int(pool_op.get_nodeattr("PE")),
            PoolDim=kernel,
            Pixels=pixels,
        )

    def matrix_vector(self, node: NodeProto) -> None:
        op = custom_op(node)
        weight_type = self._weights(node, op)
        pixels = self._folded_pixels.get(node.name, 1)
        if pixels != self._pixels:
            raise UserError(
                f"specialize: {node.name} computes {pixels} pixels at a time, {self._pixels} come "
                f"in a word; without a window in front of it the two must be equal"
            )
        threshold = not op.get_nodeattr("noActivation")
        accumulator = op.get_nodeattr("accDataType")
        output, low, steps = op.get_nodeattr("outputDataType"), 0, 0
        if threshold:
            reach = self._reach(node)
            output, low, steps = self._thresholds(node, op)
            if steps > 1 or weight_type != "BIPOLAR":
                accumulator = f"INT{reach.bit_length() + 1}"
        if self._loadable:  # whatever weights come, not what the present ones prove
            accumulator = self._worst_accumulator(int(op.get_nodeattr("MW")), weight_type)
            output = output if threshold else accumulator
        self._add(
            "BnnMVU_rtl",
            node,
            "MVAU",
            output,
            inputs=list(node.input[1:]),
            MW=int(op.get_nodeattr("MW")),
            MH=int(op.get_nodeattr("MH")),
            SIMD=int(op.get_nodeattr("SIMD")),
            PE=int(op.get_nodeattr("PE")),
            weightDataType=weight_type,
            ActVal=low,
            Steps=steps,
            Pixels=pixels,
            Loadable=int(self._loadable),
            accDataType=accumulator,
            noActivation=int(not threshold),
            ram_style=op.get_nodeattr("ram_style"),
            numInputVectors=[int(v) for v in op.get_nodeattr("numInputVectors")],
        )

    def _weights(self, node: NodeProto, op: Any) -> str:
        """Bring 1-bit weights to -1 and +1; return the datatype of the weights."""
        model, name = self._model, op.get_nodeattr("weightDataType")
        if name in ("BINARY", "BIPOLAR"):
            weights = model.get_initializer(node.input[1])
            model.set_initializer(node.input[1], np.where(weights > 0, 1, -1).astype(np.float32))
            name = "BIPOLAR"
        else:
            datatype = DataType[name]
            bits = datatype.bitwidth() + (not datatype.signed())
            if not datatype.is_integer() or bits > MOST_WEIGHT_BITS:
                raise UserError(
                    f"specialize: {node.name} has {name} weights; weights may have up to 8 bits, "
                    "with their sign"
                )
            name = f"INT{bits}"
        model.set_tensor_datatype(node.input[1], DataType[name])
        return name

    def _reach(self, node: NodeProto) -> int:
        """Return a bound on the magnitude of the dot products and of every sum on the way."""
        weights = np.abs(self._model.get_initializer(node.input[1])).sum(axis=0).max()
        codes = DataType[self._datatype]
        return int(weights) * max(abs(int(codes.min())), int(codes.max()))

    def _worst_accumulator(self, mw: int, weight_type: str) -> str:
        codes = DataType[self._datatype]
        one_bit = self._datatype in ("BIPOLAR", "TERNARY")
        bits = kernels.sum_bits(
            mw,
            1 if one_bit else int(codes.bitwidth()),
            not one_bit and bool(codes.signed()),
            1 if weight_type == "BIPOLAR" else int(DataType[weight_type].bitwidth()),
        )
        return f"INT{bits}"

    def _thresholds(self, node: NodeProto, op: Any) -> tuple[str, int, int]:
        """Bring the thresholds of `node` to columns on the dot product.

        Returns the output's datatype, its lowest code and the number of columns. A bipolar output
        has one, also where FINN has doubled it so that the padding can be 0.
        """
        name, low = op.get_nodeattr("outputDataType"), int(op.get_nodeattr("ActVal"))
        values = self._model.get_initializer(node.input[2])
        values = np.broadcast_to(values, (int(op.get_nodeattr("MH")), values.shape[1]))
        if gives_bits(self._model, node):
            values, name, low = values[:, :1], "BIPOLAR", -1
        steps = values.shape[1]
        if steps > MOST_STEPS:
            raise UserError(
                f"specialize: {node.name} has {steps} thresholds a channel ({name}); activations "
                f"may have up to {MOST_STEPS}, which is 8 bits"
            )
        if op.get_nodeattr("binaryXnorMode"):  # thresholds on the count of equal bits
            values = 2 * values - int(op.get_nodeattr("MW"))
        self._model.set_initializer(node.input[2], values.astype(np.float32))
        bound = int(np.abs(values).max()) + 1
        self._model.set_tensor_datatype(node.input[2], DataType.get_smallest_possible(-bound))
        return "INT2" if name == "TERNARY" else name, low, steps

    def _add(
        self,
        op_type: str,
        node: NodeProto,
        kind: str,
        datatype: str,
        source: str | None = None,
        inputs: list[str] | None = None,
        **attributes: Any,
    ) -> None:
        index = self._counts.setdefault(kind, 0)
        self._counts[kind] += 1
        parameters = list(node.input[1:]) if op_type == "BnnInputTable_rtl" else inputs or []
        self._nodes.append(
            helper.make_node(
                op_type,
                [source or node.input[0], *parameters],
                [node.output[0]],
                name=f"{kind}_{index}",
                domain=RTL_DOMAIN,
                backend="fpgadataflow",
                inputDataType=self._datatype,
                outputDataType=datatype,
                **attributes,
            )
        )
        self._datatype = datatype

    def finish(self) -> ModelWrapper:
        del self._model.graph.node[:]
        self._model.graph.node.extend(self._nodes)
        return apply_all(
            self._model,
            [InferShapes(), InferDataTypes(), RemoveUnusedTensors(), GiveReadableTensorNames()],
        )


def _offset(codes: NDArray[np.int64]) -> int | None:
    """Return o where codes = pixel - o for every pixel value, else None."""
    offset = int(-codes[0])
    return offset if np.array_equal(codes, np.arange(256) - offset) else None
