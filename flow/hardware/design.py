"""The accelerator as data: instances, streams and memories of one generated top module.

`design.json` is what simulation, synthesis and packaging read.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from flow.errors import CheckFailed
from flow.hardware.kernels import KERNELS
from flow.hardware.kernels.kernel import Kernel
from flow.hardware.shell import ShellInfo
from flow.hardware.stream import Stream

TOP_MODULE = "bnn_top"


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Carried(_Data):
    """What a stream carries: an edge of the network, in the form that hardware computes."""

    edge: str
    windows_of: str = Field(
        default="", description="The convolution whose windows on that edge travel; empty: as is."
    )


class StreamInfo(_Data):
    """One stream of the top module; `name` is the prefix of its signals."""

    name: str
    producer: str = Field(description="Node that drives the stream; empty for the input.")
    consumer: str = Field(description="Node that reads the stream; empty for the output.")
    lanes: int = Field(description="Elements of one pixel in a word.")
    elem_bits: int
    signed: bool
    beats: int = Field(description="Words in a frame.")
    flagged: bool = Field(description="Whether a padding flag goes with each pixel of a word.")
    pixels: int = Field(default=1, description="Pixels in a word.")
    chunks: int = Field(default=1, description="Words that a group of pixels takes.")
    carries: Carried

    @property
    def stream(self) -> Stream:
        """Return the stream's packing."""
        return Stream(
            self.lanes,
            self.elem_bits,
            self.signed,
            self.beats,
            self.flagged,
            self.pixels,
            self.chunks,
        )

    @property
    def width(self) -> int:
        """Return the bits of a word, the flags not counted."""
        return self.stream.width

    @property
    def flags(self) -> int:
        """Return the flag bits beside a word."""
        return self.stream.flags


class MemoryInfo(_Data):
    """One memory image file beside the top module."""

    node: str
    parameter: str
    file: str
    depth: int
    width_bits: int
    sha256: str = Field(default="", description="Of the file; empty before it is written.")
    loaded: bool = Field(default=False, description="Whether it is part of the load image.")

    @property
    def load_words(self) -> int:
        """Return the words it takes in the load image: whole words a row."""
        return self.depth * -(-self.width_bits // 32)


class NodeInfo(_Data):
    """One instance in the top module."""

    name: str
    module: str
    instance: str
    parameters: dict[str, int | str]
    source: str = Field(description="The stream that it reads.")
    sink: str = Field(description="The stream that it drives.")
    ideal_cycles: int = Field(description="Cycles of a frame if nothing ever waits.")
    plumbing: bool = Field(description="Whether the node changes no value (FIFO, converter).")
    leading_padding: int = Field(description="Words of a frame that come before any input.")

    @property
    def kernel(self) -> Kernel:
        """Return the instance as a kernel."""
        return KERNELS[self.module].of(self.parameters)


class Design(_Data):
    """An accelerator: a graph of instances that streams join.

    The nodes are in the order in which a frame reaches them, and so are the streams, from the
    input to the output.
    """

    top: str = TOP_MODULE
    identity: str = Field(
        default="",
        description="sha256 over all sources, shell included, and the memory images they hold: "
        "what is loaded after reset is not part of it. Empty before they are written.",
    )
    shell: ShellInfo
    input_shape: list[int] = Field(description="Of one frame, NHWC.")
    output_shape: list[int]
    nodes: list[NodeInfo]
    streams: list[StreamInfo]
    memories: list[MemoryInfo]
    sources: list[str] = Field(description="SystemVerilog files, in the order of compilation.")
    loadable: bool = Field(
        default=False, description="Whether weights and thresholds are sent in after reset."
    )
    load_words: int = Field(
        default=0, description="32-bit payload words of the load image; 0 if nothing is loaded."
    )
    load_image: str = Field(default="", description="The load image beside the top module.")
    load_sha256: str = Field(default="", description="sha256 of that file.")

    @property
    def bottleneck(self) -> NodeInfo:
        """Return the node with the most ideal cycles."""
        return max(self.nodes, key=lambda node: node.ideal_cycles)

    @property
    def input_stream(self) -> StreamInfo:
        """Return the stream that images come in on."""
        return next(s for s in self.streams if not s.producer)

    @property
    def output_stream(self) -> StreamInfo:
        """Return the stream that scores go out on."""
        return next(s for s in self.streams if not s.consumer)

    @property
    def compared_streams(self) -> list[StreamInfo]:
        """Return the streams whose producer computes something, the output last."""
        computing = {node.name for node in self.nodes if not node.plumbing}
        return [s for s in self.streams if s.producer in computing]

    @property
    def fifo_outputs(self) -> list[StreamInfo]:
        """Return the streams that leave a FIFO."""
        fifos = {node.name for node in self.nodes if node.module == "bnn_fifo"}
        return [s for s in self.streams if s.producer in fifos]

    @property
    def loaded_memories(self) -> list[MemoryInfo]:
        """Return what the load image holds, in its order."""
        return [memory for memory in self.memories if memory.loaded]

    def node(self, name: str) -> NodeInfo:
        """Return a node by its name; KeyError for another."""
        return {node.name: node for node in self.nodes}[name]

    def stream(self, name: str) -> StreamInfo:
        """Return a stream by its name; KeyError for another."""
        return {stream.name: stream for stream in self.streams}[name]

    def words_ahead(self) -> dict[str, int]:
        """Return how many words of the next frame each stream may carry without any input."""
        ahead = {self.input_stream.name: 0}
        for node in self.nodes:
            own = node.leading_padding
            ahead[node.sink] = ahead[node.source] if node.plumbing else own
        return ahead

    def save(self, path: Path) -> None:
        """Write the design as JSON."""
        path.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Design:
        """Read a design that `save` wrote."""
        return cls.model_validate_json(path.read_text(encoding="utf-8"))

    def check_memories(self, folder: Path) -> None:
        """Raise CheckFailed naming the first memory image in `folder` that was not generated."""
        for memory in self.memories:
            path = folder / memory.file
            if not path.is_file():
                raise CheckFailed(
                    f"{path}: the {memory.parameter} image of {memory.node} is missing"
                )
            found = sha256_of(path)
            if found != memory.sha256:
                raise CheckFailed(
                    f"{path}: the {memory.parameter} image of {memory.node} was changed: "
                    f"sha256 {found[:12]}…, generated {memory.sha256[:12]}…; run flow build again"
                )
        if self.loadable and not (folder / self.load_image).is_file():
            raise CheckFailed(f"{folder / self.load_image}: the load image is missing")
        if self.loadable and sha256_of(folder / self.load_image) != self.load_sha256:
            raise CheckFailed(
                f"{folder / self.load_image}: the load image was changed; run flow build again"
            )


def sha256_of(path: Path) -> str:
    """Return the hexadecimal sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def snake_case(name: str) -> str:
    """Return "SlidingWindow_0" as "sliding_window_0"; "MVAU_0" as "mvau_0"."""
    out = []
    for k, char in enumerate(name):
        if char.isupper() and k and name[k - 1].islower():
            out.append("_")
        out.append(char.lower())
    return "".join(out)


def design_summary(design: Design) -> dict[str, Any]:
    """Return the figures of a design that reports show."""
    return {
        "nodes": len(design.nodes),
        "memory_bits": sum(m.depth * m.width_bits for m in design.memories),
        "ideal_cycles": design.bottleneck.ideal_cycles,
        "bottleneck": design.bottleneck.name,
    }
