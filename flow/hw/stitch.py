"""From the sized graph to a folder of RTL: one top module, the kernels, the memory images."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from driver.weight_image import WEIGHTS_FILE, build_weight_image, payload_words
from flow.hw.base import RTL_SOURCE_DIR, MemoryImage, module_sources
from flow.hw.costs.kernels import integer
from flow.hw.design import (
    LINK_MODULE,
    TOP_MODULE,
    Design,
    MemoryInfo,
    NodeInfo,
    node_infos,
    sha256_of,
    snake_case,
    stream_infos,
)
from flow.hw.memory_image import write_hex
from flow.hw.shell import shell_info, write_shell
from flow.paths import PACKAGE_DIR

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from qonnx.core.modelwrapper import ModelWrapper


def write_rtl(model: ModelWrapper, source: str, folder: Path, dma_width_bits: int) -> Design:
    """Write top module, kernels and memory images of a sized graph into `folder`.

    `source` names the network in the top module's header. Memory files are referred to by name
    only, so simulation and synthesis run inside `folder`.
    """
    infos = node_infos(model)
    memories: list[MemoryInfo] = []
    loaded: list[NDArray[np.uint8]] = []
    nodes: list[NodeInfo] = []
    kernels: list[str] = []
    for info, op, images in infos:
        parameters = dict(info.parameters)
        for image in images:
            memory = _write_memory(info, image, folder)
            parameters[image.parameter] = f'"{memory.file}"'
            memories.append(memory)
            if _is_loadable(info):
                loaded.append(image.words)
        nodes.append(info.model_copy(update={"parameters": parameters}))
        kernels += [path.name for path in op.get_rtl_file_list()]
    loadable = bool(loaded)
    if loadable:
        kernels += [path.name for path in module_sources("bnn_loader")]
        (folder / WEIGHTS_FILE).write_bytes(build_weight_image(loaded))
    load_words = payload_words(loaded)
    sources = list(dict.fromkeys(kernels))
    for name in sources:
        shutil.copyfile(RTL_SOURCE_DIR / name, folder / name)
    streams = stream_infos([(info, op) for info, op, _ in infos])
    bottleneck = max(nodes, key=lambda node: node.ideal_cycles)
    top = _template("top.sv.j2").render(
        top=TOP_MODULE,
        source=source,
        nodes=nodes,
        streams=streams,
        producers={"": "", **{node.name: node.module for node in nodes}},
        ideal_cycles=bottleneck.ideal_cycles,
        bottleneck=bottleneck.name,
        loadable=loadable,
        load_words=load_words,
        chain=[node.name for node in nodes if node.module == LINK_MODULE],
        chain_length=len(loaded),
    )
    (folder / f"{TOP_MODULE}.sv").write_text(top, encoding="utf-8")
    sources.append(f"{TOP_MODULE}.sv")
    ends = (streams[0].stream, streams[-1].stream)
    shell = shell_info(*ends, dma_width_bits, sources, load_words)
    accel = _template("accel.v.j2")
    write_shell(accel, source, folder, TOP_MODULE, ends, shell)
    built_in = [memory for memory in memories if not memory.loaded]
    identity = _identity(folder, [*sources, *shell.sources], built_in)
    write_shell(accel, source, folder, TOP_MODULE, ends, shell, identity)
    return Design(
        identity=identity,
        shell=shell,
        input_shape=list(infos[0][1].get_normal_input_shape()),
        output_shape=list(infos[-1][1].get_normal_output_shape()),
        nodes=nodes,
        streams=streams,
        memories=memories,
        sources=sources,
        loadable=loadable,
        load_words=load_words,
        load_image=WEIGHTS_FILE if loadable else "",
        load_sha256=sha256_of(folder / WEIGHTS_FILE) if loadable else "",
    )


def _is_loadable(info: NodeInfo) -> bool:
    return info.module == LINK_MODULE and bool(integer(info.parameters, "Loadable"))


def _write_memory(info: NodeInfo, image: MemoryImage, folder: Path) -> MemoryInfo:
    file = f"{snake_case(info.name)}_{image.suffix}.mem"
    write_hex(folder / file, image.words, image.width_bits)
    return MemoryInfo(
        node=info.name,
        parameter=image.parameter,
        file=file,
        depth=len(image.words),
        width_bits=image.width_bits,
        sha256=sha256_of(folder / file),
        loaded=_is_loadable(info),
    )


def _identity(folder: Path, sources: list[str], memories: list[MemoryInfo]) -> str:
    """Return one hash of everything built in that decides what the accelerator computes."""
    digest = hashlib.sha256()
    for name in sources:
        digest.update(f"{name} {sha256_of(folder / name)}\n".encode())
    for memory in memories:
        digest.update(f"{memory.file} {memory.sha256}\n".encode())
    return digest.hexdigest()


def _template(name: str) -> Template:
    environment = Environment(  # noqa: S701 - SystemVerilog, not HTML
        loader=FileSystemLoader(PACKAGE_DIR / "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(name)
