"""Max-pool: an OR of bits, or the greatest of several codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flow.hw.base import BnnOp, datatype_stream
from flow.hw.reference import maxpool
from flow.hw.stream import pooled_pixels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flow.hw.stream import Stream


class BnnMaxPool_rtl(BnnOp):
    """(1, H, W, C) to (1, H / PH, W / PW, C); the stride is the size of the pool.

    `Pixels` pixels come in a word: a part of a pool (one pixel goes out at a time), or whole pools.
    """

    module = "bnn_maxpool"

    def get_nodeattr_types(self) -> dict[str, Any]:
        attributes = super().get_nodeattr_types()
        attributes.update(
            {
                "IFMDim": ("ints", True, []),
                "Channels": ("i", True, 0),
                "PE": ("i", True, 1),
                "PoolDim": ("ints", True, []),
                "Pixels": ("i", False, 1),
            }
        )
        return attributes

    def get_normal_input_shape(self, ind: int = 0) -> tuple[int, ...]:
        height, width = self.get_nodeattr("IFMDim")
        return (1, int(height), int(width), int(self.get_nodeattr("Channels")))

    def get_normal_output_shape(self, ind: int = 0) -> tuple[int, ...]:
        _, height, width, channels = self.get_normal_input_shape()
        pool_h, pool_w = self.get_nodeattr("PoolDim")
        return (1, height // int(pool_h), width // int(pool_w), channels)

    def in_stream(self) -> Stream:
        return self._stream(self.get_normal_input_shape(), int(self.get_nodeattr("Pixels")))

    def out_stream(self) -> Stream:
        pixels = pooled_pixels(int(self.get_nodeattr("Pixels")), self.get_nodeattr("PoolDim")[1])
        return self._stream(self.get_normal_output_shape(), pixels)

    def _stream(self, shape: tuple[int, ...], pixels: int) -> Stream:
        return datatype_stream(
            self.get_nodeattr("inputDataType"), int(self.get_nodeattr("PE")), shape, pixels
        )

    def parameters(self) -> dict[str, int | str]:
        _, height, width, channels = self.get_normal_input_shape()
        pool_h, pool_w = self.get_nodeattr("PoolDim")
        return {
            "IfmHeight": height,
            "IfmWidth": width,
            "Channels": channels,
            "Pe": int(self.get_nodeattr("PE")),
            "PoolH": int(pool_h),
            "PoolW": int(pool_w),
            "Pixels": int(self.get_nodeattr("Pixels")),
            "ElemBits": self.in_stream().elem_bits,
            "Signed": f"1'b{int(self.in_stream().signed)}",
        }

    def compute(self, inputs: list[NDArray[Any]]) -> NDArray[Any]:
        pool_h, pool_w = (int(v) for v in self.get_nodeattr("PoolDim"))
        return maxpool(inputs[0], (pool_h, pool_w))
