"""`flow infer`: classify photographs, on the golden model or on what was built from it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import typer

from driver.errors import InputError
from driver.images import SUFFIXES, load_inputs
from driver.packing import unpack_words
from driver.plot import draw, save
from flow.commands.output import print_json
from flow.commands.selection import BuildRequest, select_build
from flow.config import require_model
from flow.data.images import CIFAR10_SHAPE, names_of_classes
from flow.engine.artifact import Artifact
from flow.errors import UserError
from flow.paths import shown
from flow.validation import did_you_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flow.frontend.golden import GoldenModel

BACKENDS = ("golden", "cppsim", "sim")
_BAR_CELLS = 30


@dataclass(frozen=True)
class InferOptions:
    """What computes, and what is shown of the result."""

    backend: str = "golden"
    top: int = 5
    plot: Path | None = None
    """Folder for one PNG an image."""
    classes: Sequence[str] = ()
    """Names of the classes in order of their scores; empty: the model's own, else CIFAR-10's for
    ten, else numbers."""


@dataclass(frozen=True)
class Classified:
    """One image with its scores, highest probability first in `order`."""

    name: str
    pixels: NDArray[np.uint8] | None
    scores: NDArray[Any]
    shares: NDArray[np.float64]

    order: NDArray[np.int64]
    """Class indices, the greatest output first; a tie goes to the lower index."""


def infer(
    request: BuildRequest, images: Sequence[Path], options: InferOptions, *, as_json: bool
) -> None:
    """Print the classes of each image with their probabilities, as bars, and draw them as PNG.

    Raises UserError for an unknown backend, an image that cannot be read, or wrong class names.
    """
    if options.backend not in BACKENDS:
        raise UserError(f"--backend: there is no {did_you_mean(options.backend, BACKENDS)}")
    try:
        from flow.frontend.golden import lower_to_plain_onnx

        golden = lower_to_plain_onnx(_model(request))
        results = classify(request, golden, images, options)
        cifar10 = golden.image_shape == CIFAR10_SHAPE
        names = class_names(golden.classes, options.classes, golden.class_names, cifar10=cifar10)
        plots = _draw(results, names, options.plot) if options.plot is not None else []
    except InputError as error:
        raise UserError(str(error)) from error
    top = min(options.top, len(names))
    if as_json:
        print_json(
            {
                "backend": options.backend,
                "images": [_record(result, names, top) for result in results],
                "plots": [str(path) for path in plots],
            }
        )
        return
    _print_bars(results, names, top)
    for path in plots:
        typer.echo(f"picture: {shown(path)}")


def classify(
    request: BuildRequest, golden: GoldenModel, images: Sequence[Path], options: InferOptions
) -> list[Classified]:
    """Return the scores and probabilities of every image in `images` (files or folders).

    Raises UserError or InputError naming an image that cannot be read, or a backend that has not
    been built.
    """
    found = [load_inputs(source, golden.input) for source in images]
    names = [name for group in found for name in group.names]
    pixels = [
        picture
        for group in found
        for picture in (group.pixels if group.pixels is not None else [None] * len(group.names))
    ]
    inputs = np.concatenate([group.integers for group in found])
    scores = _scores(request, golden, inputs, options.backend)
    means = golden.score_map
    ranked = (scores, means.probabilities(scores), means.order(scores))
    return [Classified(*row) for row in zip(names, pixels, *ranked, strict=True)]


def _model(request: BuildRequest) -> Any:
    from flow.frontend.golden import load_onnx

    if request.model is not None and request.board is None and request.config is None:
        if not request.model.is_file():
            raise UserError(f"--model: there is no file {shown(request.model)}; give a QONNX file")
        return load_onnx(request.model)
    return load_onnx(require_model(select_build(request).config))


def _scores(
    request: BuildRequest, golden: GoldenModel, inputs: NDArray[Any], backend: str
) -> NDArray[Any]:
    """Return scores, (N, classes), float32 from golden and int32 from the others."""
    if backend == "golden":
        from flow.frontend.golden import GoldenSession

        return GoldenSession(golden).run(inputs)
    build = select_build(request)
    if backend == "cppsim":
        from driver.cpu import CpuBackend

        return CpuBackend(build.artifact(Artifact.CPPSIM_LIBRARY)).run(inputs)
    from flow.check.rtlsim import simulate
    from flow.hardware.design import Design

    design = Design.load(build.artifact(Artifact.DESIGN))
    result = simulate(
        design,
        build.artifact(Artifact.RTLSIM_BINARY),
        build.artifact(Artifact.RTL),
        inputs,
        seed=build.config.verify.seed,
        timeout_s=build.config.rtlsim.timeout_s,
    )
    sink = design.output_stream
    values = unpack_words(result.output, sink.lanes, sink.elem_bits, sink.signed)
    return values.astype(np.int32).reshape(len(inputs), golden.classes)


def class_names(
    count: int, given: Sequence[str], known: Sequence[str] = (), *, cifar10: bool = False
) -> list[str]:
    """Return one name a class: those given, else those the model's file carries (`known`).

    `cifar10`: ten classes without a name are CIFAR-10's.

    Raises UserError if names are given and there are not `count` of them.
    """
    if given and len(given) != count:
        raise UserError(f"--classes: {len(given)} names; this network has {count} classes")
    return names_of_classes(count, given or known, cifar10=cifar10)


def expand(images: Sequence[Path]) -> list[Path]:
    """Return `images` after a look at each: a file or a folder that exists.

    Raises UserError naming the first that is neither.
    """
    if not images:
        raise UserError(
            f"infer: name a picture, a folder of pictures or an .npy file ({', '.join(SUFFIXES)})"
        )
    for path in images:
        if not path.exists():
            beside = [p.name for p in path.parent.glob("*")] if path.parent.is_dir() else []
            near = difflib.get_close_matches(path.name, beside, n=1)
            hint = f"; did you mean {shown(path.parent / near[0])}?" if near else ""
            raise UserError(f"infer: there is no file or folder {shown(path)}{hint}")
    return list(images)


def _draw(results: Sequence[Classified], names: list[str], folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for k, result in enumerate(results):
        if result.pixels is None:
            raise UserError(f"--plot: is for pictures; {result.name} is none")
        path = folder / f"{k:03d}_{Path(result.name).stem}.png"
        save(path, draw(result.pixels, result.shares, names))
        paths.append(path)
    return paths


def _record(result: Classified, names: Sequence[str], top: int) -> dict[str, Any]:
    return {
        "image": result.name,
        "class": names[result.order[0]],
        "top": [
            {
                "class": names[k],
                "probability": round(float(result.shares[k]), 6),
                "score": float(result.scores[k]),
            }
            for k in result.order[:top]
        ],
    }


def _print_bars(results: Sequence[Classified], names: Sequence[str], top: int) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    width = max(len(name) for name in names)
    for result in results:
        console.print(Text(result.name, style="bold"))
        for place, k in enumerate(result.order[:top]):
            share = float(result.shares[k])
            cells = round(share * _BAR_CELLS)
            bar = Text("█" * cells, style="green" if place == 0 else "blue")
            bar.append("·" * (_BAR_CELLS - cells), style="dim")
            line = Text(f"  {names[k]:<{width}}  ").append_text(bar)
            line.append(f" {100 * share:5.1f} %  score {result.scores[k]:g}")
            console.print(line, soft_wrap=True)
