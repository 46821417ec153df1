"""`flow eval`: accuracy of a model on a data set, computed by the golden model."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from flow.commands.output import print_json
from flow.commands.selection import data_folder
from flow.engine.progress import choose_progress
from flow.engine.report import StageReport
from flow.errors import UserError
from flow.paths import shown

BACKENDS = ("golden",)


def evaluate(
    model: Path, data: Path | None, backend: str, images: int | None, *, quiet: bool, as_json: bool
) -> None:
    """Print how many of the test images `model` classifies right."""
    if backend not in BACKENDS:
        raise UserError(f"--backend: {backend!r} is not known; use one of {', '.join(BACKENDS)}")
    if not model.is_file():
        raise UserError(f"--model: there is no file {shown(model)}; give a QONNX file")
    if images is not None and images < 1:
        raise UserError(f"--images: {images}; use at least 1")
    folder = data_folder(data)
    if folder is None:
        raise UserError(
            "--data: say where CIFAR-10 is: --data DIR, or set BNNFLOW_DATA; or name an .npy file"
        )

    from flow.data.inputs import load_inputs
    from flow.frontend.golden import evaluate as evaluate_golden
    from flow.frontend.golden import load_onnx, lower_to_plain_onnx

    golden = lower_to_plain_onnx(load_onnx(model))
    found = load_inputs(folder, golden.input)
    if found is None:
        raise UserError(
            f"--data: {shown(folder)} is a folder, and {golden.input.describe()}; give an .npy "
            "file of inputs with its labels, or an .npz file"
        )
    chosen = found if images is None else found.take(images)
    progress = choose_progress(quiet or as_json, verbose=False, stream=sys.stderr)
    progress.begin(f"{model.name} on {len(chosen)} images of {chosen.source}", ["eval"])
    try:
        progress.stage_started("eval", backend)
        result = evaluate_golden(
            model,
            chosen,
            progress=lambda done, total: progress.stage_progress("eval", done, total, "images"),
        )
        ended = StageReport(id="eval", status="done", seconds=result.seconds, reason="")
        progress.stage_ended(ended, f"{result.correct} of {result.total}")
    finally:
        progress.end()
    if as_json:
        print_json(
            {
                "model": str(model),
                "backend": backend,
                "source": chosen.source,
                "images": result.total,
                "correct": result.correct,
                "accuracy": result.accuracy,
                "seconds": result.seconds,
            }
        )
    else:
        typer.echo(
            f"{model.name}: {result.correct} of {result.total} right = {result.accuracy:.2%} "
            f"({chosen.source} test images, {backend} model, {result.seconds:.1f} s)"
        )
