"""The notebook in a package, for the Jupyter of PYNQ's images."""

from __future__ import annotations

import json
from typing import Any

_INTRO = """# {name} on {board}

A binary neural network, bit-exactly verified. Identity `{identity}`. Everything this notebook needs
lies in its folder; it downloads nothing. Run the cells from top to bottom."""

_OPEN = """import sys
from pathlib import Path

package = Path.cwd()
sys.path.insert(0, str(package))

from driver.backends import open_backend
from driver.golden import first_difference, load_golden
from driver.manifest import load_manifest
from driver.plot import draw

manifest = load_manifest(package)
accelerator = open_backend("pynq", manifest)  # or "sim", "cpu", where the package carries them
print(manifest.name, "on", accelerator.name, "at", accelerator.clock_mhz, "MHz")"""

_CHECK = """golden = load_golden(manifest)
scores = accelerator.run(golden.images)
difference = first_difference(scores, golden.scores)
assert not difference, difference
print(len(scores), "images from", golden.source, "bit for bit equal to the golden model")"""

_SHOW = """from IPython.display import display

shares = manifest.scores.probabilities(scores)
for image, share in list(zip(golden.images, shares))[:4]:
    if manifest.input.kind == "pixels":
        display(draw(image, share, manifest.class_names))
    print(manifest.class_names[int(share.argmax())], float(share.max()))"""

_PHOTO = """from driver.images import load_inputs

photo = Path("photo.jpg")  # or an .npy file: upload one of your own beside this notebook
if photo.exists():
    inputs = load_inputs(photo, manifest.input)
    share = manifest.scores.probabilities(accelerator.run(inputs.integers))[0]
    if inputs.pixels is not None:
        display(draw(inputs.pixels[0], share, manifest.class_names))
    print(manifest.class_names[int(share.argmax())], float(share.max()))"""

_SPEED = """import time

import numpy as np

images = np.concatenate([golden.images] * (1 + 1000 // len(golden.images)))[:1000]
started = time.perf_counter()
accelerator.run(images)
seconds = time.perf_counter() - started
counters = accelerator.counters()
if counters is not None:
    print(f"inside the accelerator {counters.core_fps(accelerator.clock_mhz):,.0f} frames/s")
    print(f"input stalls {counters.in_stalls:,}, output stalls {counters.out_stalls:,} cycles")
print(f"end to end {len(images) / seconds:,.0f} frames/s")"""


def notebook_text(name: str, board: str, identity: str) -> str:
    """Return the notebook as JSON, without outputs."""
    cells = [_cell("markdown", _INTRO.format(name=name, board=board, identity=identity[:12]))]
    for title, code in (
        ("Load the accelerator (it refuses another bitstream)", _OPEN),
        ("Check it against the golden vectors", _CHECK),
        ("Images and class probabilities", _SHOW),
        ("A photo of your own", _PHOTO),
        ("Speed", _SPEED),
    ):
        cells += [_cell("markdown", f"## {title}"), _cell("code", code)]
    for index, cell in enumerate(cells):
        cell["id"] = f"cell-{index}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook, indent=1) + "\n"


def _cell(kind: str, text: str) -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": text.splitlines(True)}
    if kind == "code":
        cell.update(execution_count=None, outputs=[])
    return cell
