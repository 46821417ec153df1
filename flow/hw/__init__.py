"""Hardware layers: one FINN custom op per file, and what turns a graph of them into one design."""

from __future__ import annotations

from typing import Any

from flow.tools.finn import load_custom_ops

load_custom_ops()


def custom_ops() -> list[type[Any]]:
    """Return the classes that are registered in FINN's RTL domain."""
    from flow.hw.input_quantizer import BnnInputOffset_rtl, BnnInputTable_rtl
    from flow.hw.maxpool import BnnMaxPool_rtl
    from flow.hw.mvu import BnnMVU_rtl
    from flow.hw.plumbing import BnnFifo_rtl, BnnWidthConverter_rtl
    from flow.hw.sliding_window import BnnSlidingWindow_rtl

    return [
        BnnInputTable_rtl,
        BnnInputOffset_rtl,
        BnnSlidingWindow_rtl,
        BnnMVU_rtl,
        BnnMaxPool_rtl,
        BnnWidthConverter_rtl,
        BnnFifo_rtl,
    ]
