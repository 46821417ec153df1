"""The same words through FINN's RTL nodes and through ours: equal words out, cycles a frame.

Both run behind FINN's simulator interface, several frames back to back, driven without a pause.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper

from flow.errors import CheckFailed
from flow.finn.library import RTL_DOMAIN, custom_op
from flow.finn.xsi import install
from flow.finn.xsi.ours import OurNode, our_node
from flow.hardware.kernels.sliding_window import SlidingWindow
from flow.hardware.stream import Element, Stream

if TYPE_CHECKING:
    from numpy.typing import NDArray

PART = "xczu7ev-ffvc1156-2-e"
CLOCK_NS = 5.0
_SILENCE_CYCLES = 100_000
"""A simulation without an output word for so long has stopped."""


@dataclass(frozen=True)
class Run:
    """What a node did: words out (a padding flag above the data), cycles from frame to frame."""

    words: list[int]
    cycles_per_frame: float


@dataclass(frozen=True)
class Window:
    """A geometry of the sliding window; `pad` on all four sides, `bits` an element."""

    name: str
    height: int
    width: int
    channels: int
    kernel: int
    simd: int
    stride: int = 1
    pad: int = 0
    bits: int = 1

    @property
    def out_dims(self) -> tuple[int, int]:
        return (
            (self.height + 2 * self.pad - self.kernel) // self.stride + 1,
            (self.width + 2 * self.pad - self.kernel) // self.stride + 1,
        )

    @property
    def in_beats(self) -> int:
        return self.height * self.width * self.channels // self.simd

    @property
    def out_beats(self) -> int:
        rows, columns = self.out_dims
        return rows * columns * self.kernel**2 * self.channels // self.simd

    @property
    def ideal_cycles(self) -> int:
        """Cycles of a frame at one word a cycle on the busier side."""
        return max(self.in_beats, self.out_beats)

    @property
    def datatype(self) -> str:
        """FINN's name of the elements; 1-bit ones are BINARY there and bipolar here."""
        return "BINARY" if self.bits == 1 else f"INT{self.bits}"


@dataclass(frozen=True)
class WindowComparison:
    """One geometry in both: cycles a frame, after the words were found equal."""

    window: Window
    words: int
    finn_cycles: float
    our_cycles: float


WINDOWS = (
    Window("CNV, input layer", 32, 32, 3, 3, 3, bits=8),
    Window("CNV, second layer", 30, 30, 64, 3, 64),
    Window("6x6x512, SIMD 64", 6, 6, 512, 3, 64),
    Window("B-VGG16, 16x16x32 padded", 16, 16, 32, 3, 32, pad=1),
    Window("B-VGG16, 4x4x128 padded", 4, 4, 128, 3, 16, pad=1),
    Window("pool 2x2, stride 2", 16, 16, 32, 2, 32, stride=2),
)
"""Geometries of networks that this project builds, one or two seconds each."""


def compare_window(
    window: Window, frames: int = 4, seed: int = 0, build_dir: Path | None = None
) -> WindowComparison:
    """Run `frames` random frames through FINN's window (its padding in front) and through ours.

    Raises CheckFailed naming the first word that differs.
    """
    rng = np.random.default_rng(seed)
    width = window.simd * window.bits
    words = random_words(rng, frames * window.in_beats, width)
    with prepared(build_dir):
        ours = simulate(our_window(window), words, window.out_beats, frames)
        finn = finn_window(window, words, frames)
    mask = (1 << width) - 1
    check_equal(window.name, finn.words, [word & mask for word in ours.words])
    return WindowComparison(window, len(finn.words), finn.cycles_per_frame, ours.cycles_per_frame)


def finn_window(window: Window, words: Sequence[int], frames: int) -> Run:
    """Run FINN's FMPadding, where there is padding, and its ConvolutionInputGenerator."""
    pad, side = window.pad, (window.height + 2 * window.pad, window.width + 2 * window.pad)
    slowest = 0.0
    if pad:
        padding = node(
            "FMPadding_rtl",
            (1, window.height, window.width, window.channels),
            (1, *side, window.channels),
            window.datatype,
            ImgDim=[window.height, window.width],
            Padding=[pad] * 4,
            NumChannels=window.channels,
            SIMD=window.simd,
            inputDataType=window.datatype,
        )
        padded = side[0] * side[1] * window.channels // window.simd
        run = simulate(padding, words, padded, frames)
        words, slowest = run.words, run.cycles_per_frame
    rows, columns = window.out_dims
    generator = node(
        "ConvolutionInputGenerator_rtl",
        (1, *side, window.channels),
        (1, rows, columns, window.kernel**2 * window.channels),
        window.datatype,
        ConvKernelDim=[window.kernel] * 2,
        IFMChannels=window.channels,
        IFMDim=list(side),
        OFMDim=[rows, columns],
        SIMD=window.simd,
        Stride=[window.stride] * 2,
        Dilation=[1, 1],
        inputDataType=window.datatype,
        outputDataType=window.datatype,
        depthwise=0,
        parallel_window=0,
        M=1,
    )
    run = simulate(generator, words, window.out_beats, frames)
    return Run(run.words, max(slowest, run.cycles_per_frame))


def our_window(window: Window) -> OurNode:
    """Return our sliding window of that geometry, compiled."""
    rows, columns = window.out_dims
    kernel = SlidingWindow(
        window.height,
        window.width,
        window.channels,
        window.simd,
        elem_bits=window.bits,
        kernel_h=window.kernel,
        kernel_w=window.kernel,
        stride_h=window.stride,
        stride_w=window.stride,
        pad_top=window.pad,
        pad_left=window.pad,
        pad_bottom=window.pad,
        pad_right=window.pad,
    )
    element = Element(window.bits, signed=window.bits > 1)
    shapes = (
        (window.height, window.width, window.channels),
        (rows, columns, window.kernel**2 * window.channels),
    )
    source, sink = (Stream.of_map(shape, window.simd, element) for shape in shapes)
    flagged = replace(sink, flagged=window.bits == 1 and window.pad > 0)
    return our_node("our_window", kernel, (source, flagged))


def node(
    op_type: str,
    in_shape: Sequence[int],
    out_shape: Sequence[int],
    datatype: str,
    initializers: dict[str, tuple[NDArray[Any], str]] | None = None,
    **attributes: Any,
) -> Any:
    """Return FINN's wrapper object of a node that is generated and compiled for rtlsim.

    initializers: parameter tensors behind the data input, each with its datatype.
    """
    from finn.transformation.fpgadataflow.prepare_ip import PrepareIP
    from finn.transformation.fpgadataflow.prepare_rtlsim import PrepareRTLSim
    from finn.transformation.fpgadataflow.set_exec_mode import SetExecMode

    parameters = initializers or {}
    made = helper.make_node(
        op_type,
        ["inp", *parameters],
        ["outp"],
        name=f"{op_type}_0",
        domain=RTL_DOMAIN,
        backend="fpgadataflow",
        **attributes,
    )
    tensors = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
        for name, shape in (("inp", in_shape), ("outp", out_shape))
    ]
    graph = helper.make_graph([made], "one_node", [tensors[0]], [tensors[1]])
    model = ModelWrapper(helper.make_model(graph))
    model.set_tensor_datatype("inp", DataType[datatype])
    for name, (values, kind) in parameters.items():
        model.set_initializer(name, values.astype(np.float32))
        model.set_tensor_datatype(name, DataType[kind])
    for step in (SetExecMode("rtlsim"), PrepareIP(PART, CLOCK_NS), PrepareRTLSim(num_workers=1)):
        model = model.transform(step)
    return custom_op(model.graph.node[0])


def simulate(op: Any, words: Sequence[int], out_beats: int, frames: int) -> Run:
    """Send `words`, whole frames, through a compiled node and collect `frames * out_beats`.

    The cycles are those from the end of the first frame to the end of the last.
    """
    from finn import xsi

    sim = op.get_rtlsim()
    try:
        op.reset_rtlsim(sim)
        trace = sim.trace_stream("out0_V")
        io: dict[str, dict[str, list[int]]] = {
            "inputs": {"in0": list(words)},
            "outputs": {"out0": []},
        }
        xsi.rtlsim_multi_io(
            sim, io, frames * out_beats, sname="_V", liveness_threshold=_SILENCE_CYCLES
        )
    finally:
        op.close_rtlsim(sim)
    beats = [cycle for cycle, moved in enumerate(str(trace)) if moved == "1"]
    ends = beats[out_beats - 1 :: out_beats]
    return Run(io["outputs"]["out0"], (ends[frames - 1] - ends[0]) / max(frames - 1, 1))


def random_words(rng: np.random.Generator, count: int, bits: int) -> list[int]:
    """Draw `count` words of `bits` bits."""
    octets = rng.integers(0, 256, (count, (bits + 7) // 8), np.uint8)
    mask = (1 << bits) - 1
    return [int.from_bytes(word.tobytes(), "little") & mask for word in octets]


def check_equal(name: str, finn: Sequence[int], ours: Sequence[int]) -> None:
    """Raise CheckFailed at the first word that differs, or where the counts do."""
    if len(finn) != len(ours) or not finn:
        raise CheckFailed(f"{name}: FINN's node gave {len(finn)} words, ours {len(ours)}")
    for index, (theirs, own) in enumerate(zip(finn, ours, strict=True)):
        if theirs != own:
            raise CheckFailed(
                f"{name}: word {index} is {theirs:#x} from FINN's node, {own:#x} here"
            )


@contextlib.contextmanager
def prepared(build_dir: Path | None = None) -> Iterator[None]:
    """Have FINN's simulator interface on Verilator and a folder that FINN may write to."""
    import tempfile

    from finn.util.settings import get_settings

    from flow.finn.library import prepare_finn

    prepare_finn()
    install()
    settings = get_settings()
    before = settings.finn_build_dir
    with tempfile.TemporaryDirectory(prefix="bnn_finn_") as fresh:
        settings.finn_build_dir = build_dir or Path(fresh)
        try:
            yield
        finally:
            settings.finn_build_dir = before
