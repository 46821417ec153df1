"""From a design to a folder of RTL: one top module, the kernels, the memory images."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from driver.weight_image import build_weight_image
from flow.hardware.design import (
    TOP_MODULE,
    Design,
    MemoryInfo,
    NodeInfo,
    StreamInfo,
    sha256_of,
)
from flow.hardware.kernels import KERNELS
from flow.hardware.kernels.fifo import Fifo
from flow.hardware.kernels.sliding_window import SlidingWindow
from flow.hardware.memory_image import write_hex
from flow.hardware.ports import Pins, connections
from flow.hardware.shell import write_shell
from flow.hardware.sources import RTL_SOURCE_DIR
from flow.paths import PACKAGE_DIR

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from flow.hardware.kernels.kernel import Rows
    from flow.hardware.plan import Plan


def emit(design: Design, plan: Plan, source: str, folder: Path) -> Design:
    """Write top module, kernels and memory images into `folder`; return the design with hashes.

    `source` names the network in the top module's header. Memory files are referred to by name
    only, so simulation and synthesis run inside `folder`.
    """
    memories, loaded = _write_memories(design, plan, folder)
    design = design.model_copy(update={"memories": memories})
    if design.loadable:
        (folder / design.load_image).write_bytes(build_weight_image(loaded))
        digest = sha256_of(folder / design.load_image)
        design = design.model_copy(update={"load_sha256": digest})
    top = f"{design.top}.sv"
    for name in design.sources:
        if name != top:
            shutil.copyfile(RTL_SOURCE_DIR / name, folder / name)
    text = top_text(
        design.nodes, design.streams, top=TOP_MODULE, source=source, loaded=design.loaded_memories
    )
    (folder / top).write_text(text, encoding="utf-8")
    ends = (design.input_stream.stream, design.output_stream.stream)
    accel = template("accel.v.j2")
    write_shell(accel, source, folder, TOP_MODULE, ends, design.shell)
    built_in = [memory for memory in memories if not memory.loaded]
    identity = _identity(folder, [*design.sources, *design.shell.sources], built_in)
    write_shell(accel, source, folder, TOP_MODULE, ends, design.shell, identity)
    return design.model_copy(update={"identity": identity})


def _write_memories(
    design: Design, plan: Plan, folder: Path
) -> tuple[list[MemoryInfo], list[NDArray[np.uint8]]]:
    """Write the memory images; return them with their hashes, and the rows that are loaded."""
    contents: dict[str, Mapping[str, Rows]] = {}
    written: list[MemoryInfo] = []
    loaded: list[NDArray[np.uint8]] = []
    for memory in design.memories:
        if memory.node not in contents:
            node = design.node(memory.node)
            contents[memory.node] = plan.rows(design.stream(node.sink).carries.edge, node.kernel)
        rows = contents[memory.node][memory.parameter]
        digest = write_hex(folder / memory.file, rows, memory.width_bits)
        written.append(memory.model_copy(update={"sha256": digest}))
        if memory.loaded:
            loaded.append(rows)
    return written, loaded


def top_text(
    nodes: Sequence[NodeInfo],
    streams: Sequence[StreamInfo],
    *,
    top: str,
    source: str,
    loaded: Sequence[MemoryInfo],
) -> str:
    """Return the module `top`: instances, and the streams that join them.

    The first stream comes in, the last one goes out. loaded: the memories of the load image.
    """
    by_name = {stream.name: stream for stream in streams}
    modules = {node.name: node.module for node in nodes}
    links = [node.name for node in nodes if KERNELS[node.module].is_link]
    slowest = max(nodes, key=lambda node: node.ideal_cycles)
    return template("top.sv.j2").render(
        top=top,
        source=source,
        instances=[_instance(node, by_name, links) for node in nodes],
        streams=[_signals(stream, modules.get(stream.producer, "")) for stream in streams],
        first=streams[0],
        last=streams[-1],
        ideal_cycles=slowest.ideal_cycles,
        bottleneck=slowest.name,
        loadable=bool(loaded),
        load_words=sum(memory.load_words for memory in loaded),
        links=len(links),
        chain_length=len(loaded),
    )


def _instance(
    node: NodeInfo, streams: dict[str, StreamInfo], links: Sequence[str]
) -> dict[str, Any]:
    """Return what the template prints of an instance."""
    source, sink = streams[node.source], streams[node.sink]
    link = links.index(node.name) if node.name in links else 0
    pins = Pins(source.name, sink.name, source.flagged, sink.flagged, link)
    return {
        "module": node.module,
        "name": node.instance,
        "parameters": node.parameters,
        "pins": connections(KERNELS[node.module], pins),
    }


def _signals(stream: StreamInfo, producer: str) -> dict[str, Any]:
    """Return what the template declares for a stream."""
    unused = producer == SlidingWindow.module and not stream.flagged
    return {
        "name": stream.name,
        "width": stream.width,
        "flags": stream.flags,
        "unused_flags": stream.pixels if unused else 0,
        "high_water": producer == Fifo.module,
    }


def _identity(folder: Path, sources: list[str], memories: list[MemoryInfo]) -> str:
    """Return one hash of everything built in that decides what the accelerator computes."""
    digest = hashlib.sha256()
    for name in sources:
        digest.update(f"{name} {sha256_of(folder / name)}\n".encode())
    for memory in memories:
        digest.update(f"{memory.file} {memory.sha256}\n".encode())
    return digest.hexdigest()


def template(name: str) -> Template:
    """Return a template of generated SystemVerilog or Verilog."""
    environment = Environment(  # noqa: S701 - SystemVerilog, not HTML
        loader=FileSystemLoader(PACKAGE_DIR / "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name)
