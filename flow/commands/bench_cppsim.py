"""Speed of the compiled model beside onnxruntime and PyTorch: same machine, run and threads."""

from __future__ import annotations

import os
import platform
import resource
import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from driver.cpu import CpuBackend
from flow.check.cpp.library import compile_program
from flow.check.cpp.program import program_of
from flow.check.cpp.steps import Program
from flow.data.cifar10 import load_cifar10
from flow.data.datasets import find_images
from flow.errors import UserError
from flow.frontend.golden import GoldenModel, GoldenSession, load_onnx, lower_to_plain_onnx
from flow.frontend.to_network import network_from_golden

if TYPE_CHECKING:
    from numpy.typing import NDArray

Run = Callable[["NDArray[np.uint8]"], Any]
Say = Callable[[str], None]

ISAS = ("avx512", "avx2", "portable")
_BATCHES = (1, 8, 32, 100, 256)
_IMAGES = 256
_CALIBRATION_IMAGES = 200
_LATENCY_RUNS = 30
_BATCH_IMAGES = 16
"""Images of a job in runtime.cpp: what one thread's maps are made for."""


@dataclass(frozen=True)
class BenchOptions:
    """What to measure. model: None for an untrained B-VGG16 of `width`, made here, never kept."""

    model: Path | None
    width: float
    data_dir: Path | None
    threads: int | None
    seconds: float
    work_dir: Path


@dataclass(frozen=True)
class Row:
    """One competitor; None where it was not measured, with the reason in `note`."""

    name: str
    images_per_second: float | None
    batch: int | None
    latency_ms: float | None
    note: str = ""


@dataclass(frozen=True)
class CppsimBench:
    """All figures of one run."""

    model: str
    macs: int
    threads: int
    source: str
    processor: str
    load: float
    rows: list[Row]
    compile_seconds: float
    compile_memory_mib: float
    library_bytes: int
    scratch_bytes: int
    popcount_peak: float
    counted_share: float
    nominal_share: float
    compared_images: int
    bit_exact: bool

    @property
    def best_peer(self) -> float:
        """Images a second of the fastest onnxruntime session."""
        rates = [row.images_per_second or 0.0 for row in self.rows if "onnxruntime" in row.name]
        return max(rates)


def run_bench(options: BenchOptions, say: Say) -> CppsimBench:
    """Measure everything in turn; minutes for the full width."""
    load = os.getloadavg()[0]
    images = find_images(options.data_dir, _IMAGES)
    threads = options.threads or len(os.sched_getaffinity(0))
    source_file = options.model or _untrained(options, say)
    say(f"reading {source_file.name}")
    golden = lower_to_plain_onnx(load_onnx(source_file))
    program = program_of(network_from_golden(golden))
    say("compiling")
    shutil.rmtree(options.work_dir / "lib", ignore_errors=True)  # measured, so from the start
    compiled = compile_program(program, options.work_dir / "lib")
    memory_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    backends = _backends(compiled.path, threads)
    say(f"comparing {len(images)} images with onnxruntime")
    wanted = GoldenSession(golden, threads).run(images.images)
    bit_exact = all(np.array_equal(b.run(images.images), wanted) for b in backends)
    rows = []
    for backend in backends:
        say(f"measuring cppsim {backend.isa}")
        row = _peer(f"cppsim {backend.isa}", backend.run, images.images, options.seconds)
        one = CpuBackend(compiled.path, backend.isa, threads=1)
        rows.append(replace(row, latency_ms=_latency(one.run, images.images)))
    for name, run in _onnxruntime(golden, threads):
        say(f"measuring {name}")
        rows.append(_peer(name, run, images.images, options.seconds))
    rows += _pytorch(options, threads, images.images, say)
    best = rows[0].images_per_second or 0.0
    peak = backends[0].popcount_peak()
    return CppsimBench(
        model=source_file.stem,
        macs=program.macs,
        threads=threads,
        source=images.source,
        processor=_processor(),
        load=load,
        rows=rows,
        compile_seconds=compiled.seconds,
        compile_memory_mib=memory_mib,
        library_bytes=compiled.path.stat().st_size,
        scratch_bytes=_scratch_bytes(program),
        popcount_peak=peak,
        counted_share=best * program.counted_bits / (peak * threads),
        nominal_share=best * program.binary_macs / (peak * threads),
        compared_images=len(images),
        bit_exact=bit_exact,
    )


def _untrained(options: BenchOptions, say: Say) -> Path:
    """Export a B-VGG16 with random weights, its BatchNorms calibrated on real images."""
    path = options.work_dir / f"bvgg16_w{options.width:g}_untrained.onnx"
    if path.is_file():
        return path
    if options.data_dir is None:
        raise UserError("bench: an untrained network is calibrated on CIFAR-10; give --data")
    try:
        from flow.models.untrained import export_untrained
    except ImportError as error:
        raise UserError(
            f"bench: {error.name} is missing and makes the network; install the extra `train`, "
            "or give a QONNX file with --model"
        ) from error
    say(f"making an untrained B-VGG16 of width {options.width:g}")
    images = load_cifar10(options.data_dir, "train").images[:_CALIBRATION_IMAGES]
    return export_untrained("bvgg16", path, images, width=options.width)


def _backends(library: Path, threads: int) -> list[CpuBackend]:
    """Return a backend for each instruction set of this machine, the best first."""
    found = []
    for isa in ISAS:
        try:
            found.append(CpuBackend(library, isa, threads))
        except ValueError:
            continue
    return found


def _onnxruntime(golden: GoldenModel, threads: int) -> list[tuple[str, Run]]:
    """Return sessions of the golden ONNX, fp32, with and without onnxruntime's optimisations."""
    import onnxruntime as ort

    from flow.frontend.golden.model import IMAGES, SCORES

    levels = {
        "onnxruntime fp32, optimised": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
        "onnxruntime fp32, as written": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    }
    result: list[tuple[str, Run]] = []
    for name, level in levels.items():
        settings = ort.SessionOptions()
        settings.graph_optimization_level = level
        settings.intra_op_num_threads = threads
        settings.inter_op_num_threads = 1
        settings.log_severity_level = 3
        session = ort.InferenceSession(
            golden.onnx_model.SerializeToString(), settings, providers=["CPUExecutionProvider"]
        )
        result.append((name, partial(_run_session, session, SCORES, IMAGES)))
    return result


def _run_session(session: Any, output: str, name: str, images: NDArray[np.uint8]) -> Any:
    return session.run([output], {name: images})


def _pytorch(options: BenchOptions, threads: int, images: NDArray[np.uint8], say: Say) -> list[Row]:
    """Measure the network in PyTorch with its weights as plain numbers, eager and compiled."""
    names = ("PyTorch fp32, eager", "PyTorch fp32, compiled")
    if options.model is not None:
        return [Row(name, None, None, None, "only for the bench's own network") for name in names]
    try:
        import torch

        from flow.models.registry import ModelSpec
        from flow.training.estimators import sign
        from flow.training.layers import BinaryConv2d, BinaryLinear
        from flow.training.twin import TwinKit
    except ImportError as error:
        return [Row(name, None, None, None, f"{error.name} is not installed") for name in names]
    torch.set_num_threads(threads)
    spec = ModelSpec.model_validate({"name": "bvgg16", "width": options.width})
    network = spec.layers(TwinKit()).eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, BinaryConv2d | BinaryLinear):
                module.weight.copy_(sign(module.weight))

    def runner(model: Any) -> Run:
        def run(part: NDArray[np.uint8]) -> Any:
            with torch.inference_mode():
                return model(torch.from_numpy(part).permute(0, 3, 1, 2).float() / 255)

        return run

    say(f"measuring {names[0]}")
    rows = [_peer(names[0], runner(network), images, options.seconds)]
    say(f"measuring {names[1]}")
    try:
        rows.append(_peer(names[1], runner(torch.compile(network)), images, options.seconds))
    except Exception as error:  # noqa: BLE001  # its compiler fails in many ways; the rest counts
        note = (str(error).splitlines() or [type(error).__name__])[0][:60]
        rows.append(Row(names[1], None, None, None, f"failed: {note}"))
    return rows


def _peer(name: str, run: Run, images: NDArray[np.uint8], seconds: float) -> Row:
    """Measure one competitor with the batch that suits it best."""
    rates = {batch: _rate(run, images[:batch], seconds) for batch in _BATCHES}
    best = max(rates, key=lambda batch: rates[batch])
    return Row(name, rates[best], best, _latency(run, images))


def _rate(run: Run, images: NDArray[np.uint8], seconds: float) -> float:
    """Return images a second, the best of several calls that together take `seconds`."""
    run(images)  # threads, caches and compilers warm up
    best, spent = 0.0, 0.0
    while spent < seconds:
        started = time.perf_counter()
        run(images)
        took = time.perf_counter() - started
        best = max(best, len(images) / took)
        spent += took
    return best


def _latency(run: Run, images: NDArray[np.uint8]) -> float:
    """Return the median time of a single image in ms."""
    run(images[:1])
    times = []
    for k in range(_LATENCY_RUNS):
        started = time.perf_counter()
        run(images[k : k + 1])
        times.append(time.perf_counter() - started)
    return 1000 * statistics.median(times)


def _scratch_bytes(program: Program) -> int:
    """Return the memory of the maps of one thread."""
    slots = [0] * program.slots
    for layer in program.layers:
        height, width, channels = layer.out_shape
        a_pixel = 2 * (channels + channels % 2) if layer.codes_out else 8 * -(-channels // 64)
        if layer.slot >= 0:
            slots[layer.slot] = max(slots[layer.slot], height * width * a_pixel)
    return _BATCH_IMAGES * sum(slots)


def _processor() -> str:
    """Return the processor's name and how many we may use."""
    name = platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    lines: Sequence[str] = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    for line in lines:
        if line.startswith("model name"):
            name = line.partition(":")[2].strip()
            break
    return f"{name}, {len(os.sched_getaffinity(0))} processors"
