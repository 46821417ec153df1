"""Input quantiser: pixel values to the codes the first layer computes with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from driver.packing import pack_words
from flow.hw.base import BnnOp, MemoryImage, datatype_stream

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qonnx.core.modelwrapper import ModelWrapper

    from flow.hw.stream import Stream


class _InputQuantizer(BnnOp):
    """Base of both: all channels of a pixel in one word, uint8 in."""

    def get_nodeattr_types(self) -> dict[str, Any]:
        attributes = super().get_nodeattr_types()
        attributes.update({"Shape": ("ints", True, [])})
        return attributes

    def get_normal_input_shape(self, ind: int = 0) -> tuple[int, ...]:
        return tuple(int(v) for v in self.get_nodeattr("Shape"))

    def get_normal_output_shape(self, ind: int = 0) -> tuple[int, ...]:
        return self.get_normal_input_shape()

    def _stream(self, datatype: str) -> Stream:
        shape = self.get_normal_input_shape()
        return datatype_stream(datatype, shape[-1], shape)

    def in_stream(self) -> Stream:
        return self._stream("UINT8")

    def out_stream(self) -> Stream:
        return self._stream(self.get_nodeattr("outputDataType"))


class BnnInputTable_rtl(_InputQuantizer):
    """Look each uint8 up in a table of 256 codes (input 1, shape (256,))."""

    module = "bnn_input_table"

    def parameters(self) -> dict[str, int | str]:
        return {
            "Lanes": self.in_stream().lanes,
            "InBits": 8,
            "OutBits": self.out_stream().elem_bits,
        }

    def memory_images(self, model: ModelWrapper) -> list[MemoryImage]:
        codes = np.asarray(model.get_initializer(self.onnx_node.input[1])).astype(np.int64)
        bits = self.out_stream().elem_bits
        values = (codes > 0).astype(np.int64) if bits == 1 else codes
        return [MemoryImage("TableFile", "table", pack_words(values[:, None], bits), bits)]

    def compute(self, inputs: list[NDArray[Any]]) -> NDArray[Any]:
        codes: NDArray[Any] = inputs[1][inputs[0]]
        return codes


class BnnInputOffset_rtl(_InputQuantizer):
    """Subtract an offset: the affine map uint8 to int8 costs no table and no comparator."""

    module = "bnn_input_offset"

    def get_nodeattr_types(self) -> dict[str, Any]:
        attributes = super().get_nodeattr_types()
        attributes.update({"Offset": ("i", True, 0)})
        return attributes

    def parameters(self) -> dict[str, int | str]:
        return {
            "Lanes": self.in_stream().lanes,
            "InBits": 8,
            "OutBits": self.out_stream().elem_bits,
            "Offset": int(self.get_nodeattr("Offset")),
        }

    def compute(self, inputs: list[NDArray[Any]]) -> NDArray[Any]:
        return inputs[0] - int(self.get_nodeattr("Offset"))
