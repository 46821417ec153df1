"""What every layer of ours has in common: a FINN custom op that is one SystemVerilog module.

In our nodes a 1-bit tensor is always bipolar (-1, +1), also where FINN had turned it into binary,
and 0 stands for zero padding. Executing a node in Python gives exactly the values its module puts
on its stream.
"""

from __future__ import annotations

import math
import re
from abc import abstractmethod
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from finn.custom_op.fpgadataflow.rtlbackend import RTLBackend
from qonnx.core.datatype import DataType

from flow.hw.single_node import simulate_node, wrapper_path, write_node
from flow.hw.stream import Stream
from flow.paths import PACKAGE_DIR

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qonnx.core.modelwrapper import ModelWrapper

RTL_SOURCE_DIR = PACKAGE_DIR / "rtl" / "src"
LINT_WAIVERS = PACKAGE_DIR / "rtl" / "lint" / "waivers.vlt"
"""Read by Verilator in front of the sources: each waiver is narrow and has its reason."""


@dataclass(frozen=True)
class MemoryImage:
    """The contents of one memory: `words` uint8 (depth, ceil(width_bits / 8)), little-endian."""

    parameter: str
    """The module's parameter that takes the file name."""
    suffix: str
    """Ending of the file's name: "weights", "thresholds", "table"."""
    words: NDArray[np.uint8]
    width_bits: int

    @property
    def load_words(self) -> int:
        """Return the words it takes in a load image: whole words of 32 bits a row."""
        return len(self.words) * -(-self.width_bits // 32)


class BnnOp(RTLBackend):
    """Base of our custom ops. Subclasses give module, parameters, streams and arithmetic."""

    module: ClassVar[str]
    """SystemVerilog module, in the file of the same name."""

    # -- what a subclass says --------------------------------------------------------------------

    @abstractmethod
    def in_stream(self) -> Stream:
        """Return the input stream."""

    @abstractmethod
    def out_stream(self) -> Stream:
        """Return the output stream."""

    @abstractmethod
    def parameters(self) -> dict[str, int | str]:
        """Return the module's parameters but for file names; a str is a SystemVerilog literal."""

    @abstractmethod
    def compute(self, inputs: list[NDArray[Any]]) -> NDArray[Any]:
        """Return the output tensor of int64 input tensors (data first, then parameters)."""

    @abstractmethod
    def get_normal_input_shape(self, ind: int = 0) -> tuple[int, ...]:
        """Return the shape of the input tensor, NHWC or NC."""

    @abstractmethod
    def get_normal_output_shape(self, ind: int = 0) -> tuple[int, ...]:
        """Return the shape of the output tensor, NHWC or NC."""

    def memory_images(self, model: ModelWrapper) -> list[MemoryImage]:
        """Return the contents of the module's memories."""
        return []

    def get_exp_cycles(self) -> int:
        """Return the ideal cycles of a frame: one word a cycle on the busier side."""
        return max(self.in_stream().beats, self.out_stream().beats)

    def leading_padding(self) -> int:
        """Return the words at the start of a frame that need no input: padding alone."""
        return 0

    # -- FINN's interface, answered from the above -----------------------------------------------

    def get_nodeattr_types(self) -> dict[str, Any]:
        attributes = dict(super().get_nodeattr_types())
        attributes.update({"inputDataType": ("s", True, ""), "outputDataType": ("s", True, "")})
        return attributes

    def get_input_datatype(self, ind: int = 0) -> Any:
        return DataType[self.get_nodeattr("inputDataType")]

    def get_output_datatype(self, ind: int = 0) -> Any:
        return DataType[self.get_nodeattr("outputDataType")]

    def get_folded_input_shape(self, ind: int = 0) -> tuple[int, ...]:
        return _folded(self.get_normal_input_shape(), self.in_stream())

    def get_folded_output_shape(self, ind: int = 0) -> tuple[int, ...]:
        return _folded(self.get_normal_output_shape(), self.out_stream())

    def get_instream_width(self, ind: int = 0) -> int:
        return self.in_stream().width if ind == 0 else 0

    def get_outstream_width(self, ind: int = 0) -> int:
        return self.out_stream().width

    def infer_node_datatype(self, model: ModelWrapper) -> None:
        model.set_tensor_datatype(self.onnx_node.output[0], self.get_output_datatype())

    def execute_node(self, context: dict[str, NDArray[Any]], graph: object) -> None:
        """Compute in Python, or in FINN's own rtlsim where `exec_mode` says so."""
        inputs = [context[name].astype(np.int64) for name in self.onnx_node.input]
        # A map that a fully connected layer reads is flattened by the order of its stream alone.
        inputs[0] = inputs[0].reshape(self.get_normal_input_shape())
        if self.get_nodeattr("exec_mode") == "rtlsim":
            result = simulate_node(self, inputs[0])
        else:
            result = self.compute(inputs)
        shape = self.get_normal_output_shape()
        context[self.onnx_node.output[0]] = result.reshape(shape).astype(np.float32)

    def get_rtl_file_list(self, abspath: bool = False) -> list[Path]:
        sources = module_sources(self.module)
        return sources if abspath else [Path(source.name) for source in sources]

    def generate_hdl(self, model: ModelWrapper, fpgapart: str, clk: float) -> None:
        """Write what FINN's rtlsim of this node alone needs; a design instantiates the kernel."""
        folder = self.get_nodeattr("code_gen_dir_ipgen")
        write_node(self, model, Path(folder))
        self.set_nodeattr("gen_top_module", self.onnx_node.name)
        for attribute in ("ipgen_path", "ip_path"):
            self.set_nodeattr(attribute, folder)

    def prepare_rtlsim(self, behav: bool = False) -> None:
        """Compile the node for FINN's simulator interface, after PrepareIP."""
        from finn import xsi
        from finn.util.basic import make_build_dir

        name = self.onnx_node.name
        wrapper = wrapper_path(self, Path(self.get_nodeattr("code_gen_dir_ipgen")))
        sources = [str(path) for path in (*self.get_rtl_file_list(abspath=True), wrapper)]
        folder = Path(make_build_dir(f"rtlsim_{name}_"))
        debug = bool(self.get_nodeattr("rtlsim_trace"))
        base, library = xsi.compile_sim_obj(name, sources, folder, debug, behav)
        self.set_nodeattr("rtlsim_so", str(base / library))

    def code_generation_ipi(self) -> list[str]:
        """Return no IP Integrator commands: the whole accelerator is one module reference."""
        return []


@cache
def module_sources(module: str) -> list[Path]:
    """Return the files of a kernel: those of the modules it instantiates first, its own last."""
    path = RTL_SOURCE_DIR / f"{module}.sv"
    found: list[Path] = []
    text = path.read_text(encoding="utf-8")
    for name in re.findall(r"^\s*(bnn_\w+)\s*(?:#\s*\(|u_)", text, re.M):
        if name != module:
            found += module_sources(name)
    return [*dict.fromkeys(found), path]


def datatype_stream(name: str, lanes: int, shape: tuple[int, ...], pixels: int = 1) -> Stream:
    """Return the stream of a tensor of FINN datatype `name` and `shape`, NHWC or NC.

    TERNARY, the type of a zero-padded window, is 1 bit and a flag. ValueError where a group of
    `pixels` pixels is no whole number of words.
    """
    if pixels > 1 and (len(shape) != 4 or shape[2] % pixels or shape[3] % lanes):
        raise ValueError(f"stream: {pixels} pixels of {lanes} lanes do not divide {shape}")
    datatype = DataType[name]
    flagged = name == "TERNARY"
    one_bit = flagged or name == "BIPOLAR"
    return Stream(
        lanes=lanes,
        elem_bits=1 if one_bit else datatype.bitwidth(),
        signed=not one_bit and datatype.signed(),
        beats=math.prod(shape[1:]) // (lanes * pixels),
        flagged=flagged,
        pixels=pixels,
        chunks=shape[-1] // lanes if pixels > 1 else 1,
    )


def _folded(shape: tuple[int, ...], stream: Stream) -> tuple[int, ...]:
    return (shape[0], stream.beats, stream.pixels * stream.lanes)
