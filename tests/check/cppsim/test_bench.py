"""Full-width B-VGG16: fast enough, quickly compiled, still exact."""

from __future__ import annotations

from pathlib import Path

import pytest

from flow.commands.bench_cppsim import BenchOptions, run_bench
from flow.environment import read_environment

DATA_DIR = read_environment().data_dir or Path(__file__).parents[4] / "shared" / "data" / "cifar10"


@pytest.mark.slow
def test_full_width_is_ten_times_as_fast_as_onnxruntime_and_equal(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the extra `train` makes the network")
    if not (DATA_DIR / "train.npz").is_file():
        pytest.skip("CIFAR-10 is not there")
    options = BenchOptions(
        model=None, width=1.0, data_dir=DATA_DIR, threads=1, seconds=2.0, work_dir=tmp_path
    )
    result = run_bench(options, print)
    assert result.bit_exact
    assert result.macs == 398_665_728
    assert result.compile_seconds <= 60
    best = result.rows[0]
    if best.name != "cppsim avx512":
        pytest.skip("the factor is promised for AVX-512 with VPOPCNTDQ")
    assert best.images_per_second is not None
    assert best.images_per_second >= 10 * result.best_peer
    assert 0 < result.counted_share < 1.1
