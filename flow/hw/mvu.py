"""Matrix-vector unit: weights of 1 to 8 bits, fused thresholds or accumulators out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qonnx.core.datatype import DataType

from driver.packing import pack_words
from flow.hw.base import BnnOp, MemoryImage, datatype_stream
from flow.hw.costs import kernels
from flow.hw.reference import fold_weights, multi_threshold, mvu

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qonnx.core.modelwrapper import ModelWrapper

    from flow.hw.stream import Stream


class BnnMVU_rtl(BnnOp):
    """(…, MW) times weights (MW, MH), then thresholds for each channel, or the dot products.

    Input 0 data, input 1 weights (MW, MH), in {-1, +1} or integers of 2 to 8 bits, input 2 (with
    thresholds) integers (MH, Steps), ascending. With a BIPOLAR output there is one column: the
    output is +1 where the dot product is at least the threshold, else -1. Otherwise the output is
    `ActVal` and one more for each threshold that the dot product reaches. `Pixels` vectors at a
    time meet each word of weights.
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
                "Pixels": ("i", False, 1),
                "Loadable": ("i", False, 0, {0, 1}),
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
    def _counts(self) -> bool:
        """Whether equal bits are counted: inputs and weights have 1 bit."""
        one_bit = self.get_nodeattr("inputDataType") in ("BIPOLAR", "TERNARY")
        return one_bit and self.weight_bits == 1

    @property
    def weight_bits(self) -> int:
        """Bits of a weight."""
        return int(DataType[self.get_nodeattr("weightDataType")].bitwidth())

    @property
    def steps(self) -> int:
        """Thresholds of a channel, 0 where accumulators go out."""
        return 0 if self.get_nodeattr("noActivation") else int(self.get_nodeattr("Steps"))

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
        return self._stream("inputDataType", "SIMD", self.get_normal_input_shape())

    def out_stream(self) -> Stream:
        return self._stream("outputDataType", "PE", self.get_normal_output_shape())

    def _stream(self, datatype: str, lanes: str, shape: tuple[int, ...]) -> Stream:
        return datatype_stream(
            self.get_nodeattr(datatype),
            int(self.get_nodeattr(lanes)),
            shape,
            int(self.get_nodeattr("Pixels")),
        )

    def get_exp_cycles(self) -> int:
        """Return NF * SF * vectors / Pixels: one word of weights a cycle."""
        folds = self.get_nodeattr("MH") // self.get_nodeattr("PE")
        folds *= self.get_nodeattr("MW") // self.get_nodeattr("SIMD")
        return int(folds * np.prod(self._vectors)) // int(self.get_nodeattr("Pixels"))

    def get_op_and_param_counts(self) -> dict[str, int]:
        weights = int(self.get_nodeattr("MW") * self.get_nodeattr("MH"))
        inputs = self.in_stream().elem_bits
        kind = "binary" if self._counts else f"{inputs}bx{self.weight_bits}b"
        return {
            f"op_mac_{kind}": weights * int(np.prod(self._vectors)),
            f"param_weight_{self.weight_bits}b": weights,
        }

    def threshold_range(self) -> tuple[int, int]:
        """Return the least and greatest stored threshold: "always" and "never"."""
        if self._counts and self.steps == 1:
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
        if self._counts and self.steps == 1:
            return int(self._dot_scale * self.get_nodeattr("MW")).bit_length()
        return int(DataType[self.get_nodeattr("accDataType")].bitwidth())

    def parameters(self) -> dict[str, int | str]:
        steps = self.steps
        code_bits = self.out_stream().elem_bits if steps > 1 else 1
        return {
            "MW": int(self.get_nodeattr("MW")),
            "MH": int(self.get_nodeattr("MH")),
            "PE": int(self.get_nodeattr("PE")),
            "SIMD": int(self.get_nodeattr("SIMD")),
            "Pixels": int(self.get_nodeattr("Pixels")),
            "InBits": self.in_stream().elem_bits,
            "InSigned": f"1'b{int(self.in_stream().signed)}",
            "WeightBits": self.weight_bits,
            "PadFlags": f"1'b{int(self.in_stream().flagged)}",
            "Steps": steps,
            "CodeBits": code_bits,
            "CodeLow": int(self.get_nodeattr("ActVal")) & ((1 << code_bits) - 1)
            if steps > 1
            else 0,
            "AccBits": self.accumulator_bits(),
            "ThreshBits": self.threshold_bits() if steps else 1,
            "ThreshChunks": self._thresh_chunks if steps else 1,
            "ReadLatency": kernels.read_latency(self.get_nodeattr("ram_style")),
            "WeightStyle": f'"{self.get_nodeattr("ram_style")}"',
            "Loadable": f"1'b{int(self.get_nodeattr('Loadable'))}",
        }

    def memory_images(self, model: ModelWrapper) -> list[MemoryImage]:
        weights = np.asarray(model.get_initializer(self.onnx_node.input[1])).T  # (MH, MW)
        pe, simd, bits = self.get_nodeattr("PE"), self.get_nodeattr("SIMD"), self.weight_bits
        folded = fold_weights(weights, pe, simd)  # (NF * SF, PE * SIMD)
        codes = (folded > 0).astype(np.int64) if bits == 1 else folded & ((1 << bits) - 1)
        images = [MemoryImage("WeightFile", "weights", pack_words(codes, bits), pe * simd * bits)]
        if self.steps:
            stored = self.stored_thresholds(model.get_initializer(self.onnx_node.input[2]))
            lanes, chunks = pe * self.steps, self._thresh_chunks
            width = -(-self.threshold_bits() // chunks)
            codes = stored.reshape(-1, 1, lanes) & ((1 << self.threshold_bits()) - 1)
            parts = codes >> (width * np.arange(chunks))[:, None] & ((1 << width) - 1)
            words = pack_words(parts.reshape(-1, lanes), width)
            images.append(MemoryImage("ThreshFile", "thresholds", words, width * lanes))
        return images

    @property
    def _thresh_chunks(self) -> int:
        """Rows of the threshold memory that a pass over the outputs takes for each word."""
        if self.steps > 1:
            return 1
        return kernels.thresh_chunks(
            int(self.get_nodeattr("MH") // self.get_nodeattr("PE")),
            int(self.get_nodeattr("MW") // self.get_nodeattr("SIMD")),
            int(self.get_nodeattr("SIMD")),
            self.in_stream().elem_bits,
            self.get_nodeattr("ram_style"),
            self.weight_bits,
        )

    def stored_thresholds(self, thresholds: NDArray[Any]) -> NDArray[np.int64]:
        """Turn thresholds on the dot product into those the module compares with: (MH, steps).

        Where one threshold is compared with the count P of equal lanes, dot = 2P - K gives
        P >= ceil((threshold + K) / 2).
        """
        values = np.asarray(thresholds)[:, : self.steps].astype(np.int64)
        low, high = self.threshold_range()
        if self._counts and self.steps == 1:
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
