"""Width converters and FIFOs: what stands between two layers and changes no value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
                "Pixels": ("i", False, 1),
            }
        )
        return attributes

    def get_normal_input_shape(self, ind: int = 0) -> tuple[int, ...]:
        return tuple(int(v) for v in self.get_nodeattr("Shape"))

    def get_normal_output_shape(self, ind: int = 0) -> tuple[int, ...]:
        return self.get_normal_input_shape()

    def _stream(self, lanes: int) -> Stream:
        return datatype_stream(
            self.get_nodeattr("inputDataType"),
            lanes,
            self.get_normal_input_shape(),
            int(self.get_nodeattr("Pixels")),
        )

    def in_stream(self) -> Stream:
        return self._stream(self.get_nodeattr("InLanes"))

    def out_stream(self) -> Stream:
        return self._stream(self.get_nodeattr("OutLanes"))

    def compute(self, inputs: list[NDArray[Any]]) -> NDArray[Any]:
        return inputs[0]


class BnnWidthConverter_rtl(Plumbing):
    """Regroup a stream of `InLanes` elements a word into words of `OutLanes`, pixel by pixel."""

    module = "bnn_width_converter"

    def parameters(self) -> dict[str, int | str]:
        return {
            "InWidth": self.in_stream().pixel_width,
            "OutWidth": self.out_stream().pixel_width,
            "Pixels": int(self.get_nodeattr("Pixels")),
        }


class BnnFifo_rtl(Plumbing):
    """Buffer `Depth` words; padding flags travel as more bits."""

    module = "bnn_fifo"

    def get_nodeattr_types(self) -> dict[str, Any]:
        attributes = super().get_nodeattr_types()
        attributes.update({"Depth": ("i", True, 2)})
        return attributes

    def parameters(self) -> dict[str, int | str]:
        stream = self.in_stream()
        return {"Width": stream.width + stream.flags, "Depth": int(self.get_nodeattr("Depth"))}
