"""Judges of the accelerator, randomly folded: what its files say, what its simulation does."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from fuzz.check import Case, Judge

from flow.check import rtlsim
from flow.check.compare import compare_streams, expected_words
from flow.frontend.to_network import network_from_golden
from flow.hardware.build import build_design
from flow.hardware.decoded import decode
from flow.hardware.depths import FifoDepths
from flow.hardware.design import Design
from flow.hardware.emit import emit
from flow.hardware.folding import Folding, LayerFolding, divisors
from flow.hardware.layers.matrix import MatrixLayer
from flow.hardware.plan import plan_hardware
from flow.network import Network

_MOST_LANES = 32


def random_folding(layers: list[MatrixLayer], seed: int) -> Folding:
    """Draw PE, SIMD and pixels of every layer; a third of the foldings has loadable weights."""
    rng = np.random.default_rng(seed)
    chosen = {}
    for layer in layers:
        simd = int(rng.choice([d for d in divisors(layer.simd_divides) if d <= _MOST_LANES]))
        pe = int(rng.choice([d for d in divisors(layer.mh) if d * simd <= _MOST_LANES]))
        pixels = int(rng.choice([p for p in layer.legal_pixels() if p <= 4]))
        style = str(rng.choice(["auto", "distributed", "block"]))
        chosen[layer.name] = LayerFolding(pe, simd, pixels, style)
    return Folding(chosen, loadable=bool(rng.random() < 1 / 3))


def generated(case: Case, folder: Path) -> tuple[Network, Design]:
    """Write the accelerator of a case as generate_rtl does."""
    network = network_from_golden(case.golden)
    plan = plan_hardware(network)
    folding = random_folding(plan.layers, case.spec.seed)
    (folder / "rtl").mkdir()
    design = build_design(plan, folding, FifoDepths(4, {}), 64)
    design = emit(design, plan, f"seed {case.spec.seed}", folder / "rtl")
    design.save(folder / "design.json")
    return network, design


def by_files(case: Case) -> str:
    """Scores that follow from parameters and memory images alone are golden's."""
    with tempfile.TemporaryDirectory(prefix="fuzz_files_") as name:
        generated(case, Path(name))
        found = decode(Path(name)).run(case.images)
    wanted = case.found["scores"].astype(np.int64).reshape(found.shape)
    if np.array_equal(found, wanted):
        return ""
    image, score = (int(v) for v in np.argwhere(found != wanted)[0])
    return f"image {image}, score {score}: {found[image, score]} instead of {wanted[image, score]}"


def by_rtlsim(case: Case) -> str:
    """Every stream of the simulated accelerator carries what the network computes."""
    with tempfile.TemporaryDirectory(prefix="fuzz_rtlsim_") as name:
        folder = Path(name)
        network, design = generated(case, folder)
        rtl = folder / "rtl"
        binary = rtlsim.build(design, rtl, folder / "sim", timeout_s=1800, optimize="-O0")
        expected = expected_words(network, design, case.images)
        for pause in (0.0, 0.4):
            result = rtlsim.simulate(
                design,
                binary,
                rtl,
                case.images,
                seed=case.spec.seed % (1 << 31),
                timeout_s=600,
                idle=pause,
                stall=pause,
            )
            difference = compare_streams(design, expected, result).difference
            if difference:
                return difference
    scores = design.output_stream.stream.words(case.found["scores"].astype(np.int64))
    return "" if np.array_equal(result.output, scores) else "the scores are not golden's"


HARDWARE_JUDGES: dict[str, Judge] = {"files": by_files, "rtlsim": by_rtlsim}
