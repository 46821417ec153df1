"""Classify pictures on the accelerator, check it against golden, measure it.

python3 driver/infer.py --input photo.jpg --top 5
python3 driver/infer.py --check
python3 driver/infer.py --throughput
python3 driver/infer.py --doctor
python3 driver/infer.py --weights other.bin --golden other.npz --check

Exit status: 0 done, 1 the hardware or a tool failed, 2 wrong input or place, 3 a check failed.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if __package__ in (None, ""):  # run as a file: the package's folder replaces the driver's own
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import numpy as np

from driver.accelerator import DEFAULT_BATCH
from driver.backends import BACKENDS, open_backend
from driver.doctor import examine
from driver.errors import CheckFailed, DriverError, InputError
from driver.golden import first_difference, load_golden, onnxruntime_scores
from driver.images import load_inputs
from driver.manifest import load_manifest
from driver.plot import draw, save
from driver.record import record
from driver.surroundings import PowerMeter, surroundings

if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional

    from driver.backends import Backend
    from driver.images import Inputs
    from driver.manifest import Manifest

INTERRUPTED_STATUS = 130
_THROUGHPUT_IMAGES = 1000


def main(argv: Optional[List[str]] = None) -> int:
    """Run the command line; return the exit status."""
    options = _parser().parse_args(argv)
    result: Dict[str, Any] = {}
    try:
        _run(options, result)
        status = 0
    except DriverError as error:
        result["error"] = str(error)
        status = error.exit_code
    except KeyboardInterrupt:
        result["error"] = "interrupted"
        status = INTERRUPTED_STATUS
    if options.json:
        print(json.dumps({**result, "exit_status": status}))
    elif status:
        print(f"error: {result['error']}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    lines = (__doc__ or "").strip().split("\n\n")
    parser = argparse.ArgumentParser(description=lines[0], epilog=lines[-1])
    add = parser.add_argument
    add("--input", type=Path, help="photo, folder of photos, or .npy/.npz of inputs")
    add("--top", type=int, default=1, help="classes to print for each image [1]")
    add("--check", action="store_true", help="compare with the golden vectors of the package")
    add("--throughput", action="store_true", help="measure frames per second")
    add("--doctor", action="store_true", help="examine the board step by step")
    add("--images", type=int, help="images for --check [all] and --throughput [1000]")
    add("--batch", type=int, default=DEFAULT_BATCH, help=f"images a transfer [{DEFAULT_BATCH}]")
    add("--backend", choices=BACKENDS, default="pynq", help="what computes [pynq]")
    add("--weights", type=Path, help="weight image to load instead of the packaged one")
    add(
        "--golden",
        type=Path,
        help="for --check of other weights: their golden.npz, or golden.onnx (runs onnxruntime)",
    )
    add("--plot", type=Path, help="write a picture of the first image and its probabilities")
    add("--json", action="store_true", help="print one JSON object")
    add("--timeout", type=float, help="seconds after which a transfer has failed")
    add(
        "--package",
        type=Path,
        default=Path(__file__).resolve().parent.parent,
        help="folder of the package [the one this driver lies in]",
    )
    return parser


def _run(options: argparse.Namespace, result: Dict[str, Any]) -> None:
    """Do what is asked; `result` collects what --json prints, also of what came before an error."""
    if not (options.input or options.check or options.throughput or options.doctor):
        raise InputError(
            "nothing to do: give --input, --check, --throughput or --doctor (see --help)"
        )
    for name in ("top", "batch", "images"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise InputError(f"--{name}: {value}; it is at least 1")
    if options.golden and not options.check:
        raise InputError(f"--golden {options.golden}: is for --check; give that, too")
    if options.timeout is not None and options.timeout <= 0:
        raise InputError(f"--timeout: {options.timeout:g}; it is more than 0 seconds")
    manifest = load_manifest(options.package)
    say = _Teller(options.json)
    if options.doctor:
        _doctor(manifest, options, result, say)
        return
    inputs = None
    if options.input:
        try:
            inputs = load_inputs(options.input, manifest.input)
        except InputError as error:
            raise InputError(f"--input: {error}") from error
        if options.plot and inputs.pixels is None:
            raise InputError(f"--plot: is for pictures; {options.input} holds other inputs")
    backend = open_backend(options.backend, manifest, options.batch, options.timeout)
    try:
        result.update(name=manifest.name, backend=backend.name, identity=manifest.identity)
        say(
            f"{manifest.name}, built for {manifest.board}, identity {manifest.identity[:12]}, "
            f"backend {backend.name}"
        )
        if options.weights:
            _swap(manifest, backend, options.weights, say)
        if backend.weights is not None:
            result["weights"] = backend.weights
        if options.check:
            result["check"] = _check(manifest, backend, options, say)
        if inputs is not None:
            result["images"] = _classify(manifest, backend, inputs, options, say)
        if options.throughput:
            count = options.images or _THROUGHPUT_IMAGES
            with PowerMeter() as meter:
                result["throughput"] = _throughput(manifest, backend, count, say)
            result["record"] = record(manifest, backend, result["throughput"], options.batch, meter)
    finally:
        backend.close()


class _Teller:
    """Prints lines for people unless JSON is wanted."""

    def __init__(self, silent: bool) -> None:
        self._silent = silent

    def __call__(self, line: str) -> None:
        if not self._silent:
            print(line)


def _doctor(
    manifest: Manifest, options: argparse.Namespace, result: Dict[str, Any], say: _Teller
) -> None:
    result.update(name=manifest.name, backend=options.backend, identity=manifest.identity)
    say(f"{manifest.name}, built for {manifest.board}, identity {manifest.identity[:12]}")
    steps = examine(manifest, options.backend, options.timeout, say)
    result["doctor"] = {
        "board": manifest.board,
        "clock_mhz": manifest.clock_mhz,
        "steps": steps,
        "built_with": manifest.versions,
        "surroundings": surroundings(),
    }
    for step in steps:
        if step["status"] == "failed":
            error = {1: DriverError, 2: InputError, 3: CheckFailed}[step["exit_status"]]
            raise error(f"--doctor: {step['step']}: {step['found']}; next: {step['next']}")


def _swap(manifest: Manifest, backend: Backend, path: Path, say: _Teller) -> None:
    sha256 = backend.load_weights(path)
    packaged = manifest.weights is not None and sha256 == manifest.weights.sha256
    same = " (those of the package)" if packaged else ""
    say(f"weights: {path}, sha256 {sha256[:12]}{same}, loaded")


def _check(
    manifest: Manifest, backend: Backend, options: argparse.Namespace, say: _Teller
) -> Dict[str, Any]:
    """Compare with the golden vectors that belong to the weights in use."""
    given: Optional[Path] = options.golden
    packaged = manifest.weights is None or backend.weights in (None, manifest.weights.sha256)
    if given is None and not packaged:
        raise InputError(
            f"--check: the golden vectors of this package belong to its own weights, not to "
            f"{options.weights}; name those of that network with --golden FILE.npz or FILE.onnx"
        )
    model = given if given is not None and given.suffix == ".onnx" else None
    golden = load_golden(manifest, None if model is not None else given)
    count = min(options.images or len(golden.images), len(golden.images))
    images = golden.images[:count]
    found = backend.run(images)
    said = {"images": count, "bit_exact": True, "source": golden.source}
    if model is None:
        difference = first_difference(found, golden.scores[:count])
        if difference:
            raise CheckFailed(f"check: not equal to the golden vectors: {difference}")
    if given is not None and model is None:
        say(f"check: {count} images ({golden.source}) bit for bit equal to {given}")
        return {**said, "onnxruntime": False}
    live, note = onnxruntime_scores(manifest, images, model)
    if live is None and model is not None:
        raise InputError(f"--golden {model}: onnxruntime is not installed here; give the .npz")
    if live is not None:
        difference = first_difference(found, live)
        if difference:
            raise CheckFailed(f"check: not equal to {note}: {difference}")
        note = f"and to {note}, run here"
    against = "golden; " + note if model is None else f"{model}, run here"
    say(f"check: {count} images ({golden.source}) bit for bit equal to {against}")
    return {**said, "onnxruntime": live is not None}


def _classify(
    manifest: Manifest,
    backend: Backend,
    inputs: Inputs,
    options: argparse.Namespace,
    say: _Teller,
) -> List[Dict[str, Any]]:
    started = time.perf_counter()
    scores = backend.run(inputs.integers)
    seconds = time.perf_counter() - started
    shares, orders = manifest.scores.probabilities(scores), manifest.scores.order(scores)
    results = []
    rows = zip(inputs.names, scores, shares, orders)  # noqa: B905  # strict= needs Python 3.10
    for name, row, share, order in rows:
        top = [
            {"class": manifest.class_names[k], "score": int(row[k]), "probability": float(share[k])}
            for k in order[: options.top]
        ]
        text = ", ".join(
            f"{item['class']} {100 * item['probability']:.1f} % ({item['score']})" for item in top
        )
        say(f"{name}: {text}")
        results.append({"file": name, "top": top})
    _report_speed(_speed(backend, len(scores), seconds), say)
    if options.plot and inputs.pixels is not None:
        save(options.plot, draw(inputs.pixels[0], shares[0], manifest.class_names))
        say(f"{options.plot}: {inputs.names[0]} and its class probabilities")
    return results


def _throughput(manifest: Manifest, backend: Backend, count: int, say: _Teller) -> Dict[str, Any]:
    golden = load_golden(manifest)
    repeats = -(-count // len(golden.images))
    images = np.concatenate([golden.images] * repeats)[:count]
    started = time.perf_counter()
    backend.run(images)
    measured = _speed(backend, count, time.perf_counter() - started)
    _report_speed(measured, say)
    return measured


def _speed(backend: Backend, count: int, seconds: float) -> Dict[str, Any]:
    """Return the speed inside the accelerator (its cycle counter) and that the user sees."""
    measured: Dict[str, Any] = {
        "images": count,
        "seconds": seconds,
        "end_to_end_fps": count / seconds,
        "core_fps": None,
    }
    counted = backend.counters()
    if counted is not None and backend.clock_mhz is not None:
        measured.update(
            core_fps=counted.core_fps(backend.clock_mhz),
            clock_mhz=backend.clock_mhz,
            cycles_per_frame=counted.cycles_per_frame,
            latency_cycles=counted.latency_cycles,
            counters=counted._asdict(),
        )
    return measured


def _report_speed(measured: Dict[str, Any], say: _Teller) -> None:
    if measured["core_fps"] is not None:
        counted = measured["counters"]
        cycles = measured["cycles_per_frame"] or measured["latency_cycles"]
        say(
            f"core: {measured['core_fps']:,.1f} frames/s ({cycles:,.0f} cycles a frame at "
            f"{measured['clock_mhz']:g} MHz), latency {measured['latency_cycles']:,} cycles; input "
            f"stalls {counted['in_stalls']:,}, starved {counted['in_starved']:,}, output stalls "
            f"{counted['out_stalls']:,}"
        )
    say(
        f"end to end: {measured['end_to_end_fps']:,.1f} frames/s ({measured['images']} images in "
        f"{measured['seconds']:.3f} s, packing and transfers included)"
    )


if __name__ == "__main__":
    sys.exit(main())
