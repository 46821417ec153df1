"""From a network and its folding to a design: kernels, and the plumbing between them."""

from __future__ import annotations

from driver.weight_image import WEIGHTS_FILE
from flow.errors import FoldError, UserError
from flow.hardware.depths import FifoDepths
from flow.hardware.design import (
    TOP_MODULE,
    Carried,
    Design,
    MemoryInfo,
    NodeInfo,
    StreamInfo,
    snake_case,
)
from flow.hardware.folding.data import Folding, LayerFolding
from flow.hardware.kernels.fifo import Fifo
from flow.hardware.kernels.kernel import Kernel
from flow.hardware.kernels.sliding_window import SlidingWindow
from flow.hardware.kernels.width_converter import WidthConverter
from flow.hardware.layers.input import InputLayer
from flow.hardware.layers.product import ProductLayer
from flow.hardware.plan import Plan
from flow.hardware.shell import shell_info
from flow.hardware.sources import module_sources
from flow.hardware.stream import Element, Stream
from flow.network import Shape

INPUT_STREAM = "in"


def build_design(plan: Plan, folding: Folding, depths: FifoDepths, dma_width_bits: int) -> Design:
    """Return the accelerator of a planned network, before any file of it is written.

    A width converter stands where neighbours disagree, and a FIFO behind every layer but a window
    and the last. A chain cannot deadlock whatever the depths; FIFOs even out bursts. A window has
    its line buffer: a FIFO behind it would only be filled ahead of time.
    Raises UserError for a folding that is not the plan's, or a FIFO that does not exist.
    """
    chain = _Chain(plan, depths, _lanes_in(plan, folding))
    if plan.input is not None:
        chain.input_layer(plan.input)
    for layer in plan.products:
        chain.product_layer(layer, _folded(folding, layer.layer.name), loadable=folding.loadable)
    chain.check_depths()
    sources = [path.name for node in chain.nodes for path in module_sources(node.module)]
    if folding.loadable:
        sources += [path.name for path in module_sources("bnn_loader")]
    sources += [path.name for path in module_sources("bnn_reset")]
    sources = [*dict.fromkeys(sources), f"{TOP_MODULE}.sv"]
    load_words = sum(memory.load_words for memory in chain.memories if memory.loaded)
    first, last = chain.streams[0].stream, chain.streams[-1].stream
    outputs = plan.network.classes
    return Design(
        shell=shell_info(first, last, dma_width_bits, sources, load_words),
        input_shape=[1, *plan.network.source.shape],
        output_shape=[1, outputs],
        nodes=chain.nodes,
        streams=chain.streams,
        memories=chain.memories,
        sources=sources,
        loadable=folding.loadable,
        load_words=load_words,
        load_image=WEIGHTS_FILE if folding.loadable else "",
    )


def _folded(folding: Folding, name: str) -> LayerFolding:
    if name not in folding.layers:
        raise FoldError(
            f"there is no folding for layer {name}, only for "
            f"{', '.join(folding.layers) or 'none'}; run flow build again"
        )
    return folding.layers[name]


def _lanes_in(plan: Plan, folding: Folding) -> int:
    """Return the elements of a word that comes in: a pixel's channels, of a vector SIMD."""
    height, width, channels = plan.network.source.shape
    if height * width > 1:
        return channels
    return _folded(folding, plan.products[0].layer.name).simd


class _Chain:
    """Appends instances one by one; knows the stream so far, its map and what it carries."""

    def __init__(self, plan: Plan, depths: FifoDepths, lanes: int) -> None:
        self._plan = plan
        self._depths = depths
        self._counts: dict[str, int] = {}
        self._named: set[str] = set()
        self._shape: Shape = plan.network.source.shape
        self._element = plan.pixel
        edge = plan.network.input if plan.input is not None else plan.products[0].product.inputs[0]
        stream = Stream.of_map(self._shape, lanes, self._element)
        self.nodes: list[NodeInfo] = []
        self.memories: list[MemoryInfo] = []
        self.streams = [_stream_info(INPUT_STREAM, "", stream, Carried(edge=edge))]
        self._fifo_due = ""
        """The layer whose FIFO comes before the next one."""
        self._last_layer = "Input"

    def input_layer(self, layer: InputLayer) -> None:
        """Append the layer of the input's codes."""
        kernel = layer.kernel(self.streams[-1].lanes)
        self._add(layer.name, kernel, Carried(edge=layer.codes.name), self._shape, layer.element)

    def product_layer(self, layer: ProductLayer, folded: LayerFolding, *, loadable: bool) -> None:
        """Append a window, where there is one, the product and the layers behind it."""
        geometry, edge = layer.layer, layer.product.inputs[0]
        self._join(folded.simd)
        pixels_in = self.streams[-1].pixels
        window = geometry.window_unit(folded.simd, pixels_in, folded.pixels)
        if window is not None:
            name = self._numbered("SlidingWindow")
            shape = (window.ofm_height, window.ofm_width, geometry.mw)
            carried = Carried(edge=edge, windows_of=layer.product.name)
            self._add(name, window, carried, shape, self._element, flagged=geometry.flags)
        elif folded.pixels != pixels_in:
            raise FoldError(
                f"{geometry.name} computes {folded.pixels} pixels at a time, {pixels_in} "
                "come in a word; without a window in front of it the two must be equal"
            )
        unit = geometry.unit(
            folded.pe,
            folded.simd,
            pixels=folded.pixels,
            style=folded.style,
            loadable=loadable,
        )
        shape = self._plan.network.edges[layer.product.name].shape
        element = layer.element
        if layer.threshold is None:
            element = Element(unit.out_bits, signed=True)
        self._add(geometry.name, unit, Carried(edge=layer.edge), shape, element)
        self._followers(layer, folded)

    def _followers(self, layer: ProductLayer, folded: LayerFolding) -> None:
        units = layer.layer.followers(folded.pe, folded.pixels)
        for unit, follower, node in zip(units, layer.layer.behind, layer.behind, strict=True):
            shape = self._plan.network.edges[node.name].shape
            self._join(folded.pe)
            name = self._numbered(follower.stem)
            self._add(name, unit, Carried(edge=node.name), shape, follower.element)

    def check_depths(self) -> None:
        """Raise UserError for a depth that was given for no FIFO."""
        for name in sorted(set(self._depths.words) - self._named):
            raise UserError(
                f"size_fifos: there is no FIFO {name}; a FIFO is named after the layer "
                f"before it, for instance {min(self._named, default='Fifo_MVAU_0')} ([fifo.layers])"
            )

    def _numbered(self, kind: str) -> str:
        index = self._counts.setdefault(kind, 0)
        self._counts[kind] += 1
        return f"{kind}_{index}"

    def _join(self, lanes: int) -> None:
        """Append what stands between the layer before and one that reads words of `lanes`."""
        before, producer = self.streams[-1], self._fifo_due
        if producer:
            name = f"Fifo_{producer}"
            self._named.add(name)
            kernel = Fifo(before.width + before.flags, self._depths.of(name))
            self._append(name, kernel, before.stream, before.carries)
        if before.lanes != lanes:
            bits = before.elem_bits
            widened = Stream.of_map(self._shape, lanes, self._element, pixels=before.pixels)
            name = f"WidthConverter_{self._last_layer}"
            converter = WidthConverter(before.lanes * bits, lanes * bits, before.pixels)
            self._append(name, converter, widened, before.carries)
        self._fifo_due = ""

    def _add(
        self,
        name: str,
        kernel: Kernel,
        carries: Carried,
        shape: Shape,
        element: Element,
        *,
        flagged: bool = False,
    ) -> None:
        """Append a layer whose output is a map of `shape`."""
        lanes, pixels = kernel.word
        stream = Stream.of_map(shape, lanes, element, pixels=pixels, flagged=flagged)
        self._append(name, kernel, stream, carries)
        self._shape, self._element = shape, element
        self._last_layer = name
        self._fifo_due = "" if isinstance(kernel, SlidingWindow) else name

    def _append(self, name: str, kernel: Kernel, stream: Stream, carries: Carried) -> None:
        source = self.streams[-1]
        sink = _stream_info(snake_case(name), name, stream, carries)
        self.streams[-1] = source.model_copy(update={"consumer": name})
        self.streams.append(sink)
        parameters = kernel.parameters()
        for memory in kernel.memories():
            file = f"{snake_case(name)}_{memory.suffix}.mem"
            parameters[memory.parameter] = f'"{file}"'
            self.memories.append(
                MemoryInfo(
                    node=name,
                    parameter=memory.parameter,
                    file=file,
                    depth=memory.depth,
                    width_bits=memory.width_bits,
                    loaded=kernel.loaded,
                )
            )
        self.nodes.append(
            NodeInfo(
                name=name,
                module=kernel.module,
                instance=f"u_{snake_case(name)}",
                parameters=parameters,
                source=source.name,
                sink=sink.name,
                ideal_cycles=kernel.ideal_cycles(source.beats, sink.beats),
                plumbing=kernel.plumbing,
                leading_padding=kernel.leading_padding,
            )
        )


def _stream_info(name: str, producer: str, stream: Stream, carries: Carried) -> StreamInfo:
    return StreamInfo(
        name=name,
        producer=producer,
        consumer="",
        lanes=stream.lanes,
        elem_bits=stream.elem_bits,
        signed=stream.signed,
        beats=stream.beats,
        flagged=stream.flagged,
        pixels=stream.pixels,
        chunks=stream.chunks,
        carries=carries,
    )
