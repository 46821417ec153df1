"""Matrix-vector unit: weights of 1 to 8 bits, fused thresholds or accumulators out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qonnx.core.datatype import DataType

from driver.packing import pack_words
from flow.hw.base import BnnOp, MemoryImage, datatype_stream
from flow.hw.reference import multi_threshold, mvu

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qonnx.core.modelwrapper import ModelWrapper

    from flow.hw.stream import Stream


class BnnMVU_rtl(BnnOp):
    """(…, MW) times weights (MW, MH), then thresholds for each channel, or the dot products.

    Input 0 data, input 1 weights (MW, MH), in {-1, +1} or integers of 2 to 8 bits, input 2 (with
    thresholds) integers (MH, Steps), ascending. With a BIPOLAR output there is one column: the
    output is +1 where the dot product is at least the threshold, else -1. Otherwise the output is
    `ActVal` and one more for each threshold that the dot product reaches.
    """

    module = "bnn_mvu"

    def get_nodeattr_types(self) -> dict[str, Any]:
        attributes = super().get_nodeattr_types()
        attributes.update(
            {
                "MW": ("i", True, 0),
                "MH": ("i", True, 0),
                "SIMD": ("i", True, 1),
                "PE": ("i", True, 1),
                "weightDataType": ("s", False, "BIPOLAR"),
                "accDataType": ("s", True, ""),
                "noActivation": ("i", False, 0, {0, 1}),
                "ActVal": ("i", False, -1),
                "Steps": ("i", False, 1),
                "numInputVectors": ("ints", True, [1]),
                "ram_style": ("s", False, "auto", {"auto", "block", "distributed", "ultra"}),
            }
        )
        return attributes

    @property
    def _vectors(self) -> tuple[int, ...]:
        return tuple(int(v) for v in self.get_nodeattr("numInputVectors"))

    @property
    def _one_bit(self) -> bool:
        return self.get_nodeattr("inputDataType") in ("BIPOLAR", "TERNARY")

    @property
    def _dot_scale(self) -> int:
        """Counts per lane: with odd SIMD half a flagged word is no integer, so all is doubled."""
        flagged = self.get_nodeattr("inputDataType") == "TERNARY"
        return 2 if flagged and self.get_nodeattr("SIMD") % 2 else 1

    def get_normal_input_shape(self, ind: int = 0) -> tuple[int, ...]:
        return (*self._vectors, int(self.get_nodeattr("MW")))

    def get_normal_output_shape(self, ind: int = 0) -> tuple[int, ...]:
        return (*self._vectors, int(self.get_nodeattr("MH")))

    def in_stream(self) -> Stream:
        elements = int(np.prod(self._vectors)) * self.get_nodeattr("MW")
        return datatype_stream(
            self.get_nodeattr("inputDataType"), self.get_nodeattr("SIMD"), elements
        )

    def out_stream(self) -> Stream:
        elements = int(np.prod(self._vectors)) * self.get_nodeattr("MH")
        return datatype_stream(
            self.get_nodeattr("outputDataType"), self.get_nodeattr("PE"), elements
        )

    def get_exp_cycles(self) -> int:
        """Return NF * SF * vectors: one word of weights a cycle."""
        folds = self.get_nodeattr("MH") // self.get_nodeattr("PE")
        folds *= self.get_nodeattr("MW") // self.get_nodeattr("SIMD")
        return int(folds * np.prod(self._vectors))

    def get_op_and_param_counts(self) -> dict[str, int]:
        weights = int(self.get_nodeattr("MW") * self.get_nodeattr("MH"))
        return {
            "op_mac_binary": weights * int(np.prod(self._vectors)),
            "param_weight_1b": weights,
        }

    def threshold_range(self) -> tuple[int, int]:
        """Return the least and greatest stored threshold: "always" and "never"."""
        if self._one_bit:
            return 0, self._dot_scale * int(self.get_nodeattr("MW")) + 1
        accumulator = DataType[self.get_nodeattr("accDataType")]
        return int(accumulator.min()), int(accumulator.max()) + 1

    def threshold_bits(self) -> int:
        """Return the bits of a stored threshold."""
        low, high = self.threshold_range()
        return (
            int(high).bit_length()
            if low == 0
            else max((-low - 1).bit_length(), high.bit_length()) + 1
        )

    def accumulator_bits(self) -> int:
        """Return the bits of the accumulator, or of the dot product where it is the output."""
        if self.get_nodeattr("noActivation"):
            return int(DataType[self.get_nodeattr("outputDataType")].bitwidth())
        if self._one_bit:
            return int(self._dot_scale * self.get_nodeattr("MW")).bit_length()
        return int(DataType[self.get_nodeattr("accDataType")].bitwidth())

    def parameters(self) -> dict[str, int | str]:
        thresholds = not self.get_nodeattr("noActivation")
        return {
            "MW": int(self.get_nodeattr("MW")),
            "MH": int(self.get_nodeattr("MH")),
            "PE": int(self.get_nodeattr("PE")),
            "SIMD": int(self.get_nodeattr("SIMD")),
            "InBits": self.in_stream().elem_bits,
            "InSigned": f"1'b{int(self.in_stream().signed)}",
            "PadFlags": f"1'b{int(self.in_stream().flagged)}",
            "Threshold": f"1'b{int(thresholds)}",
            "AccBits": self.accumulator_bits(),
            "ThreshBits": self.threshold_bits() if thresholds else 1,
            "WeightStyle": f'"{self.get_nodeattr("ram_style")}"',
        }

    def memory_images(self, model: ModelWrapper) -> list[MemoryImage]:
        weights = np.asarray(model.get_initializer(self.onnx_node.input[1])).T  # (MH, MW)
        pe, simd = self.get_nodeattr("PE"), self.get_nodeattr("SIMD")
        folded = weights.reshape(weights.shape[0] // pe, pe, weights.shape[1] // simd, simd)
        bits = (folded.transpose(0, 2, 1, 3) > 0).reshape(-1, pe * simd)  # (NF * SF, PE * SIMD)
        images = [
            MemoryImage("WeightFile", "weights", pack_words(bits.astype(np.int64), 1), pe * simd)
        ]
        if not self.get_nodeattr("noActivation"):
            width = self.threshold_bits()
            stored = self.stored_thresholds(model.get_initializer(self.onnx_node.input[2]))
            words = pack_words(stored.reshape(-1, pe), width)
            images.append(MemoryImage("ThreshFile", "thresholds", words, width * pe))
        return images

    def stored_thresholds(self, thresholds: NDArray[Any]) -> NDArray[np.int64]:
        """Turn thresholds on the dot product into those the module compares its counter with.

        With P the count of equal lanes, dot = 2P - K, so P >= ceil((threshold + K) / 2).
        """
        values = np.asarray(thresholds)[:, 0].astype(np.int64)
        low, high = self.threshold_range()
        if self._one_bit:
            doubled = values + int(self.get_nodeattr("MW"))
            values = doubled if self._dot_scale == 2 else -(-doubled // 2)
        return np.clip(values, low, high)

    def compute(self, inputs: list[NDArray[Any]]) -> NDArray[Any]:
        accumulators = mvu(inputs[0], inputs[1].T)
        if self.get_nodeattr("noActivation"):
            return accumulators
        if self.get_nodeattr("outputDataType") == "BIPOLAR":
            return np.where(accumulators >= inputs[2][:, 0], 1, -1)
        return int(self.get_nodeattr("ActVal")) + multi_threshold(accumulators, inputs[2])
