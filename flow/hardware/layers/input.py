"""The layer of the input: its values become codes, one like another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from flow.hardware.kernels.input_offset import InputOffset
from flow.hardware.kernels.input_table import InputTable
from flow.hardware.kernels.kernel import Kernel, Rows
from flow.hardware.stream import Element, element_of
from flow.network import Edge, InputCodes, Network

PIXEL_BITS = 8


@dataclass(frozen=True, eq=False)
class InputLayer:
    """The values of the input become codes: by an offset, else by a table.

    source: what the input carries. element: of the codes.
    """

    name: str
    codes: InputCodes
    source: Edge
    element: Element
    offset: int | None

    @classmethod
    def of(cls, form: Network, node: InputCodes) -> InputLayer | None:
        """Return the layer of a node; None where each value is its own code.

        A bit that comes in as 0 or 1 and is -1 or +1 is the same bit.
        """
        codes = form.edges[node.name]
        bit = codes.bipolar and (form.source.low, form.source.high) == (0, 1)
        if node.slope_and_offset == (1, 0) or (bit and node.slope_and_offset == (2, -1)):
            return None
        element = element_of(codes)
        affine = node.slope_and_offset if not form.source.signed else None
        fits = element.signed and form.source.levels == 1 << PIXEL_BITS
        if affine is not None and affine[0] == 1 and fits:
            return cls("InputOffset_0", node, form.source, element, -affine[1])
        return cls("InputTable_0", node, form.source, element, None)

    def kernel(self, lanes: int) -> Kernel:
        """Return the kernel for words of `lanes` elements."""
        if self.offset is not None:
            return InputOffset(lanes, self.offset, self.element.bits)
        return InputTable(lanes, self.element.bits)

    def rows(self, kernel: Kernel) -> Mapping[str, Rows]:
        """Return what the kernel's memories hold, by parameter.

        A table has a code for each value that the bits of a pixel can have.
        """
        if not isinstance(kernel, InputTable):
            return {}
        words = np.arange(1 << kernel.in_bits)
        above = self.source.signed & (words > self.source.high)
        values = np.where(above, words - len(words), words)
        at = np.clip(values, self.source.low, self.source.high) - self.codes.first
        return {"TableFile": kernel.rows(self.codes.table.astype(np.int64)[at])}
