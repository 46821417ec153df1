"""A build folder as the stages leave it, with every optional part, and one with none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from driver.scores import ScoreMap
from flow.stages.golden import GoldenMetrics
from flow.stages.rtlsim import RtlsimMetrics

REPORT = {
    "schema": 1,
    "config": "toy",
    "board": "ZCU104",
    "model": {
        "name": "toy",
        "source": "nets/toy.onnx",
        "parameters": 1200,
        "macs_per_frame": 3_400_000,
    },
    "stages": [
        {"id": "golden", "status": "done", "seconds": 1.5, "reason": "first run"},
        {"id": "fold", "status": "cached", "seconds": 0.0, "reason": "nothing changed"},
        {"id": "rtlsim", "status": "done", "seconds": 75.0, "reason": "first run"},
        {"id": "bitstream", "status": "skipped", "seconds": 0.0, "reason": "no <Vivado> here"},
    ],
    "verify": {
        "cppsim": {"images": 10000, "bit_exact": True, "accuracy": 0.8123},
        "rtlsim": {
            "images": 4,
            "bit_exact": False,
            "cycles_per_frame": 5000,
            "latency_cycles": 9000,
        },
    },
    "throughput": {
        "clock_mhz": 200.0,
        "fps_estimate": 40000.0,
        "fps_rtlsim": 39000.0,
        "bottleneck": "MVAU_0",
    },
    "resources": {
        "estimate": {"lut": 1000, "bram36": 10},
        "yosys": {"lut": 1100, "bram36": 11, "logic_levels": 5},
        "device": {"lut": 230400, "ff": 460800, "bram36": 312, "uram": 96, "dsp": 1728},
        "fits": True,
    },
    "bitstream": {"status": "skipped", "reason": "no Vivado"},
    "versions": {"python": "3.11", "bnnflow": "0.1.0"},
}


def stream(name: str, lanes: int) -> dict[str, Any]:
    return {"name": name, "beats": 1024, "lanes": lanes, "elem_bits": 1}


def node(
    name: str, module: str, cycles: int, source: str, sink: str, **parameters: object
) -> dict[str, Any]:
    plumbing = module == "bnn_fifo"
    return {
        "name": name,
        "module": module,
        "source": source,
        "sink": sink,
        "ideal_cycles": cycles,
        "plumbing": plumbing,
        "parameters": parameters,
    }


DESIGN = {
    "identity": "0123456789abcdef",
    "nodes": [
        node("SlidingWindow_0", "bnn_sliding_window", 1000, "in", "w", Simd=3),
        node("Fifo_0", "bnn_fifo", 1000, "w", "f", Depth=32),
        node("MVAU_0", "bnn_mvu", 5000, "f", "m", MW=27, MH=16, PE=2, SIMD=3),
    ],
    "streams": [stream("in", 3), stream("w", 3), stream("f", 3), stream("m", 2)],
    "memories": [{"node": "MVAU_0", "depth": 72, "width_bits": 6}],
}
# What the stages measure is of their own types here too: a key that none of them writes is refused.
GOLDEN = GoldenMetrics(
    images=6,
    source="photographs",
    blind=["layer1.codes"],
    input_codes={"data": 256, "checked": 256, "possible": 256},
    warnings=[],
    class_names=[f"kind {k}" for k in range(10)],
)
RTLSIM = RtlsimMetrics(
    images=4,
    bit_exact=True,
    slowdown=1.0,
    streams=2,
    words=4096,
    cycles_per_frame=5000.0,
    ideal_cycles=5000,
    latency_cycles=7000,
    load_cycles=None,
    cycles=22_000,
    sim_seconds=0.5,
    stalls={"w": 17},
    high_water={"Fifo_0": 32},
)


def add_stage(folder: Path, number: int, stage: str, **extra: Any) -> Path:
    path = folder / f"{number}-{stage}"
    path.mkdir(parents=True)
    record = {
        "stage": stage,
        "status": "done",
        "fingerprint": "f",
        "parts": extra.get("parts", {}),
        "outputs": dict.fromkeys(extra.get("outputs", ()), "hash"),
        "metrics": extra.get("metrics", {}),
        "summary": extra.get("summary", f"{stage} summary"),
        "report": {},
        "seconds": extra.get("seconds", 1.5),
    }
    (path / "stage.json").write_text(json.dumps(record))
    return path


@pytest.fixture
def bare_build(tmp_path: Path) -> Path:
    """Nothing has been measured yet."""
    folder = tmp_path / "build" / "bare" / "zcu104"
    folder.mkdir(parents=True)
    report = {"schema": 1, "config": "bare", "board": "ZCU104"}
    (folder / "report.json").write_text(json.dumps(report))
    return folder


@pytest.fixture
def full_build(tmp_path: Path) -> Path:
    """Everything a page can show."""
    folder = tmp_path / "build" / "toy" / "zcu104"
    golden = add_stage(
        folder,
        20,
        "golden",
        outputs=["golden.npz"],
        metrics=GOLDEN.as_dict(),
        parts={"config": {"verify.images": 6}},
    )
    rng = np.random.default_rng(3)
    np.savez(
        golden / "golden.npz",
        images=rng.integers(0, 256, (6, 32, 32, 3), np.uint8),
        labels=np.arange(6),
        scores=rng.integers(-50, 50, (6, 10)).astype(np.float32),
        source=np.array(GOLDEN.source),
        score_map=np.array(json.dumps(ScoreMap((1.0,) * 10, (0.0,) * 10)._asdict())),
    )
    add_stage(folder, 45, "fold", parts={"config": {"fold.target_fps": 750.0}})
    rtl = add_stage(folder, 60, "generate_rtl", outputs=["design.json"])
    (rtl / "design.json").write_text(json.dumps(DESIGN))
    cppsim = add_stage(folder, 70, "cppsim", outputs=["cppsim.json"])
    confusion = (90 * np.eye(10, dtype=int) + 1).tolist()
    (cppsim / "cppsim.json").write_text(json.dumps({"confusion": confusion}))
    rtlsim = add_stage(folder, 75, "rtlsim", outputs=["rtlsim.json"], seconds=75.0)
    (rtlsim / "rtlsim.json").write_text(json.dumps(RTLSIM.as_dict()))
    synthesis = add_stage(folder, 80, "synthesize", outputs=["synthesis.json"])
    counts = {"MVAU_0": {"module": "bnn_mvu", "lut": 640, "bram36": 4.5, "logic_levels": 5}}
    (synthesis / "synthesis.json").write_text(json.dumps({"instances": counts}))
    (folder / "report.json").write_text(json.dumps(REPORT))
    return folder
