"""Figures as inline SVG by matplotlib; colours are the page's CSS variables, so they follow it."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

# matplotlib wants colours; these stand for the variables of the page and are replaced in the SVG.
_INK, _MUTED, _LINE, _BAR, _HOT, _GOOD = (
    "#010101",
    "#020202",
    "#030303",
    "#040404",
    "#050505",
    "#060606",
)
_VARIABLES = {
    _INK: "var(--ink)",
    _MUTED: "var(--muted)",
    _LINE: "var(--line)",
    _BAR: "var(--bar)",
    _HOT: "var(--hot)",
    _GOOD: "var(--good)",
}
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "font.size": 10,
    "text.color": _INK,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": _MUTED,
    "ytick.color": _INK,
    "ytick.left": False,
    "grid.color": _LINE,
    "grid.linewidth": 0.6,
}
_WIDTH = 8.0
_ROW = 0.30


def cycle_bars(layers: Sequence[tuple[str, int]], simulated: float | None) -> str:
    """Draw cycles a frame of each (name, cycles); the slowest layer stands out.

    simulated: cycles a frame of the whole accelerator, drawn as a line.
    """
    with _style("cycles"):
        figure, axes = _rows(len(layers))
        cycles = [count for _, count in layers]
        worst = max(cycles)
        places = np.arange(len(layers))
        colours = [_HOT if count == worst else _BAR for count in cycles]
        axes.barh(places, cycles, height=0.68, color=colours)
        for place, count in zip(places, cycles, strict=True):
            _label_bar(axes, count, float(place), f"{count:,}")
        if simulated is not None:
            axes.axvline(simulated, color=_INK, linewidth=1, linestyle=(0, (4, 3)))
        _finish_rows(axes, [name for name, _ in layers], "cycles a frame")
        axes.set_xlim(0, max(worst, simulated or 0) * 1.14)
        axes.xaxis.set_major_formatter(lambda value, _position: f"{value:,.0f}")
        slowest = layers[cycles.index(worst)][0]
        return _svg(figure, "cycles", f"Cycles a frame of each layer; {slowest} is the slowest")


def utilisation_bars(
    used: Mapping[str, Mapping[str, float]], device: Mapping[str, float]
) -> str | None:
    """Draw the share of the device that each source says is used; None if nothing can be drawn.

    used: source ("estimate", "yosys", "vivado") -> resource -> count.
    """
    names = [
        name
        for name in device
        if device[name] > 0 and any(name in counts for counts in used.values())
    ]
    if not names:
        return None
    shades = {"estimate": 0.45, "yosys": 0.7, "vivado": 1.0}
    with _style("utilisation"):
        figure, axes = _rows(len(names) * len(used))
        height = 0.8 / len(used)
        largest = 100.0
        for k, (source, counts) in enumerate(used.items()):
            for place, name in enumerate(names):
                if name not in counts:
                    continue
                percent = 100 * counts[name] / device[name]
                largest = max(largest, percent)
                y = place + (k - (len(used) - 1) / 2) * height
                axes.barh(
                    y,
                    percent,
                    height=height * 0.9,
                    color=_HOT if percent > 100 else _BAR,
                    alpha=shades.get(source, 1.0),
                )
                text = f"{percent:.1f} %, {counts[name]:,g} of {device[name]:,g} ({source})"
                _label_bar(axes, percent, y, text)
        axes.axvline(100, color=_INK, linewidth=1, linestyle=(0, (4, 3)))
        _finish_rows(axes, [name.upper() for name in names], "% of the device")
        axes.set_xlim(0, largest * 1.45)
        return _svg(figure, "utilisation", "Share of the device's resources that is used")


def score_bars(
    names: Sequence[str], scores: NDArray[Any], label: int, name: str, unit: str = "score"
) -> str:
    """Draw one bar for each class, scores (classes,); the highest and the label stand out."""
    best = int(np.argmax(scores))
    with _style(name):
        figure = Figure(figsize=(3.4, 0.24 * len(scores) + 0.35))
        axes = figure.subplots()
        places = np.arange(len(scores))
        colours = [_GOOD if k == label == best else _HOT if k == best else _BAR for k in places]
        axes.barh(places, scores, height=0.7, color=colours)
        axes.axvline(0, color=_LINE, linewidth=0.8)
        texts = [f"{text} ◂" if k == label else text for k, text in enumerate(names)]
        _finish_rows(axes, texts, unit)
        what = f"{unit.capitalize()}s of the classes; highest: {names[best]}"
        return _svg(figure, name, what)


def confusion_map(names: Sequence[str], matrix: NDArray[np.int64]) -> str:
    """Draw a confusion matrix, int64 (classes, classes) [label, predicted], rows in percent."""
    count = len(matrix)
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    with _style("confusion"):
        figure = Figure(figsize=(0.55 * count + 2.0, 0.42 * count + 1.3))
        axes = figure.subplots()
        for row in range(count):
            for column in range(count):
                value = float(share[row, column])
                colour = _GOOD if row == column else _HOT
                cell = Rectangle((column, row), 1, 1, color=colour, alpha=0.75 * value, linewidth=0)
                axes.add_patch(cell)
                if value >= 0.005:
                    at = (column + 0.5, row + 0.5)
                    axes.text(*at, f"{100 * value:.0f}", ha="center", va="center", fontsize=9)
        places = np.arange(count) + 0.5
        axes.set_xticks(places, names, rotation=45, ha="right", fontsize=9)
        axes.set_yticks(places, names, fontsize=9)
        axes.set_xlabel("predicted, % of the row")
        axes.set_ylabel("label")
        axes.tick_params(length=0, colors=_INK)
        axes.set_xlim(0, count)
        axes.set_ylim(count, 0)
        return _svg(figure, "confusion", "Confusion matrix, rows are labels, in percent of a row")


def _style(name: str) -> AbstractContextManager[None]:
    """Apply the page's style; `name` keeps the ids of a figure's parts its own, run after run."""
    settings: Any = {**_STYLE, "svg.hashsalt": name}
    return rc_context(settings)


def _rows(count: int) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_WIDTH, _ROW * max(count, 1) + 0.75))
    return figure, figure.subplots()


def _label_bar(axes: Axes, end: float, place: float, text: str) -> None:
    axes.annotate(
        text,
        (end, place),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=9,
        color=_MUTED,
    )


def _finish_rows(axes: Axes, names: Sequence[str], unit: str) -> None:
    axes.set_yticks(np.arange(len(names)), names, fontsize=9)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel(unit, fontsize=9)
    axes.tick_params(axis="x", labelsize=8)
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_visible(False)
    axes.locator_params(axis="x", nbins=6)


def _svg(figure: Figure, name: str, description: str) -> str:
    """Return an <svg> element for HTML: themed, scalable, named, with ids of its own."""
    stream = io.StringIO()
    figure.tight_layout(pad=0.3)
    figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None})
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    for stand_in, variable in _VARIABLES.items():
        text = text.replace(stand_in, variable)
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r'(href="#|url\(#)', rf"\1{name}-", text)
    width = re.search(r'<svg[^>]*? width="([\d.]+)pt"', text)
    largest = f"{float(width[1]) * 4 / 3:.0f}px" if width else "100%"
    opening = (
        f'<svg role="img" aria-label="{escape(description)}" data-figure="{name}" '
        f'style="width:100%;max-width:{largest};height:auto" '
    )
    head, _, rest = text.partition(">")
    head = re.sub(r' (width|height)="[^"]*"', "", head)
    head = re.sub(r' xmlns:xlink="[^"]*"', "", head)
    return (opening + head.removeprefix("<svg ") + ">" + rest).replace("xlink:href", "href")
