"""Sliding window: the rows a convolution reads, in the order its matrix-vector unit reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flow.hw.base import BnnOp, datatype_stream
from flow.hw.reference import sliding_window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flow.hw.stream import Stream


class BnnSlidingWindow_rtl(BnnOp):
    """(1, H, W, C) to (1, OH, OW, KH * KW * C) in order kernel row, kernel column, channel.

    The padding is part of the window: with `PadValue` 0 a 1-bit stream carries flags, with -1 the
    padding is an ordinary bit. `PixelsIn` pixels of a row come in a word, `PixelsOut` windows side
    by side go out together.
    """

    module = "bnn_sliding_window"

    def get_nodeattr_types(self) -> dict[str, Any]:
        attributes = super().get_nodeattr_types()
        attributes.update(
            {
                "IFMDim": ("ints", True, []),
                "OFMDim": ("ints", True, []),
                "IFMChannels": ("i", True, 0),
                "SIMD": ("i", True, 1),
                "ConvKernelDim": ("ints", True, []),
                "Stride": ("ints", True, []),
                "Padding": ("ints", True, []),  # top, left, bottom, right
                "PadValue": ("i", False, 0, {0, -1}),
                "PixelsIn": ("i", False, 1),
                "PixelsOut": ("i", False, 1),
            }
        )
        return attributes

    def get_normal_input_shape(self, ind: int = 0) -> tuple[int, ...]:
        height, width = self.get_nodeattr("IFMDim")
        return (1, int(height), int(width), int(self.get_nodeattr("IFMChannels")))

    def get_normal_output_shape(self, ind: int = 0) -> tuple[int, ...]:
        height, width = self.get_nodeattr("OFMDim")
        kernel_h, kernel_w = self.get_nodeattr("ConvKernelDim")
        channels = self.get_nodeattr("IFMChannels")
        return (1, int(height), int(width), int(kernel_h * kernel_w * channels))

    def in_stream(self) -> Stream:
        return self._stream("inputDataType", self.get_normal_input_shape(), "PixelsIn")

    def out_stream(self) -> Stream:
        return self._stream("outputDataType", self.get_normal_output_shape(), "PixelsOut")

    def _stream(self, datatype: str, shape: tuple[int, ...], pixels: str) -> Stream:
        return datatype_stream(
            self.get_nodeattr(datatype),
            int(self.get_nodeattr("SIMD")),
            shape,
            int(self.get_nodeattr(pixels)),
        )

    def parameters(self) -> dict[str, int | str]:
        height, width = self.get_nodeattr("IFMDim")
        kernel_h, kernel_w = self.get_nodeattr("ConvKernelDim")
        stride_h, stride_w = self.get_nodeattr("Stride")
        top, left, bottom, right = self.get_nodeattr("Padding")
        return {
            "IfmHeight": int(height),
            "IfmWidth": int(width),
            "Channels": int(self.get_nodeattr("IFMChannels")),
            "Simd": int(self.get_nodeattr("SIMD")),
            "ElemBits": self.in_stream().elem_bits,
            "KernelH": int(kernel_h),
            "KernelW": int(kernel_w),
            "StrideH": int(stride_h),
            "StrideW": int(stride_w),
            "PadTop": int(top),
            "PadBottom": int(bottom),
            "PadLeft": int(left),
            "PadRight": int(right),
            "PixelsIn": int(self.get_nodeattr("PixelsIn")),
            "PixelsOut": int(self.get_nodeattr("PixelsOut")),
        }

    def leading_padding(self) -> int:
        """Return the words of the first windows before the first element inside the image.

        With several windows in a word it is the last one that reaches into the image first.
        """
        _, kernel_w = self.get_nodeattr("ConvKernelDim")
        top, left, _, _ = self.get_nodeattr("Padding")
        groups = self.get_nodeattr("IFMChannels") // self.get_nodeattr("SIMD")
        columns = max(0, left - self.get_nodeattr("PixelsOut") + 1)
        return int((top * kernel_w + columns) * groups)

    def compute(self, inputs: list[NDArray[Any]]) -> NDArray[Any]:
        top, left, bottom, right = (int(v) for v in self.get_nodeattr("Padding"))
        kernel_h, kernel_w = (int(v) for v in self.get_nodeattr("ConvKernelDim"))
        stride_h, stride_w = (int(v) for v in self.get_nodeattr("Stride"))
        patches, _ = sliding_window(
            inputs[0],
            kernel=(kernel_h, kernel_w),
            stride=(stride_h, stride_w),
            pad=(top, left, bottom, right),
            pad_value=int(self.get_nodeattr("PadValue")),
        )
        return patches
