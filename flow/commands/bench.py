"""`flow bench cppsim`: the compiled model against what a user would take instead."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import typer

from flow.commands.bench_cppsim import BenchOptions, CppsimBench, run_bench
from flow.commands.output import print_json, print_table
from flow.commands.selection import data_folder
from flow.errors import CheckFailed, UserError
from flow.paths import shown


def cppsim(
    model: Path | None,
    width: float,
    data: Path | None,
    threads: int | None,
    seconds: float,
    build_dir: Path,
    *,
    as_json: bool,
) -> None:
    """Measure and print; UserError for a model or data folder that is not there."""
    if model is not None and not model.is_file():
        raise UserError(f"--model: there is no file {shown(model)}; give a QONNX file")
    options = BenchOptions(
        model=model,
        width=width,
        data_dir=data_folder(data),
        threads=threads,
        seconds=seconds,
        work_dir=build_dir / "bench",
    )
    result = run_bench(options, lambda text: typer.echo(text, err=True))
    if as_json:
        print_json(asdict(result))
    else:
        _print(result)
    if not result.bit_exact:
        raise CheckFailed("bench: the compiled model's scores are not those of onnxruntime")


def _print(result: CppsimBench) -> None:
    typer.echo(
        f"{result.model}: {result.macs / 1e6:,.1f} M MACs a frame, {result.threads} "
        f"thread{'s' if result.threads > 1 else ''}, images: {result.source}; {result.processor}, "
        f"load {result.load:.1f} at the start"
    )
    best = result.best_peer
    rows = []
    for row in result.rows:
        ratio = "" if row.images_per_second is None else f"{row.images_per_second / best:.2f}"
        rate = "" if row.images_per_second is None else f"{row.images_per_second:,.1f}"
        latency = "" if row.latency_ms is None else f"{row.latency_ms:.3f}"
        batch = "" if row.batch is None else str(row.batch)
        rows.append([row.name, rate, batch, ratio, latency, row.note])
    print_table(
        ["what", "images/s", "batch", "x onnxruntime", "1 image, ms", "note"],
        rows,
    )
    typer.echo(
        f"compiled in {result.compile_seconds:.1f} s "
        f"(compiler's peak {result.compile_memory_mib:.0f} MiB), "
        f"library {result.library_bytes / 2**20:.2f} MiB, "
        f"maps {result.scratch_bytes / 2**20:.2f} MiB a thread"
    )
    typer.echo(
        f"popcount peak of a thread {result.popcount_peak / 1e12:.2f} Tbit/s in registers; used: "
        f"{result.counted_share:.0%} (bits really counted), "
        f"{result.nominal_share:.0%} (all binary MACs, padding too)"
    )
    typer.echo(
        f"equal to onnxruntime in every score of {result.compared_images} images: "
        f"{'yes' if result.bit_exact else 'NO'}"
    )
