"""Width converters and FIFOs: what stands between two layers and changes no value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from flow.hw.base import BnnOp, datatype_stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flow.hw.stream import Stream


class Plumbing(BnnOp):
    """Base of both: one tensor of `Shape` passes through."""

    def get_nodeattr_types(self) -> dict[str, Any]:
        attributes = super().get_nodeattr_types()
        attributes.update(
            {
                "Shape": ("ints", True, []),
                "InLanes": ("i", True, 1),
                "OutLanes": ("i", True, 1),
            }
        )
        return attributes

    def get_normal_input_shape(self, ind: int = 0) -> tuple[int, ...]:
        return tuple(int(v) for v in self.get_nodeattr("Shape"))

    def get_normal_output_shape(self, ind: int = 0) -> tuple[int, ...]:
        return self.get_normal_input_shape()

    def _stream(self, lanes: int) -> Stream:
        elements = int(np.prod(self.get_normal_input_shape()[1:]))
        return datatype_stream(self.get_nodeattr("inputDataType"), lanes, elements)

    def in_stream(self) -> Stream:
        return self._stream(self.get_nodeattr("InLanes"))

    def out_stream(self) -> Stream:
        return self._stream(self.get_nodeattr("OutLanes"))

    def compute(self, inputs: list[NDArray[Any]]) -> NDArray[Any]:
        return inputs[0]


class BnnWidthConverter_rtl(Plumbing):
    """Regroup a stream of `InLanes` elements a word into words of `OutLanes`."""

    module = "bnn_width_converter"

    def parameters(self) -> dict[str, int | str]:
        return {"InWidth": self.in_stream().width, "OutWidth": self.out_stream().width}


class BnnFifo_rtl(Plumbing):
    """Buffer `Depth` words; a padding flag travels as one more bit."""

    module = "bnn_fifo"

    def get_nodeattr_types(self) -> dict[str, Any]:
        attributes = super().get_nodeattr_types()
        attributes.update({"Depth": ("i", True, 2)})
        return attributes

    def parameters(self) -> dict[str, int | str]:
        stream = self.in_stream()
        return {"Width": stream.width + stream.flagged, "Depth": int(self.get_nodeattr("Depth"))}
