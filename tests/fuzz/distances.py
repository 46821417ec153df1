"""How far codes that differ lie from golden's, in ulp: the figures of docs/random_networks.md.

cd tests && uv run python -m fuzz.distances 300 60
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
import onnx
from fuzz.build import build
from fuzz.check import IMAGES, some_inputs
from fuzz.draw import draw
from nets import Net

from flow.frontend import witness
from flow.frontend.golden import lower_to_plain_onnx


@dataclass
class Distances:
    """Sums and maxima over the reports of some networks."""

    codes: int = 0
    differ: int = 0
    widest: float = 0.0
    scores: float = 0.0

    def add(self, model: onnx.ModelProto, seed: int) -> None:
        golden = lower_to_plain_onnx(model)
        images, values = some_inputs(golden.input, seed)
        report = witness.compare_with_file(model, golden, images, values=values)
        assert not report.difference, report.difference
        self.codes += report.codes
        self.differ += report.near_boundary
        self.widest = max(self.widest, report.widest_ulp)
        self.scores = max(self.scores, report.scores_ulp)

    def line(self, what: str) -> str:
        return (
            f"{what}, {IMAGES} images: {self.codes} codes and scores, {self.differ} differ, widest "
            f"{self.widest:.2f} ulp, scores {self.scores:.2f} ulp"
        )


class _Positive:
    """A generator whose normal values are all positive: sums that grow with every product."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def normal(self, size: tuple[int, ...]) -> np.ndarray:
        return np.abs(self._rng.normal(size=size))


def adversarial(seed: int) -> onnx.ModelProto:
    """One convolution with every value a multiple of a half code, and scales of many digits.

    Up to 4,608 products a sum; a bias or a BatchNormalization of up to 100,000 accumulators that
    cancels; all weights positive for every second seed.
    """
    rng = np.random.default_rng(seed)
    channels, bits, weight_bits = (
        int(rng.choice(v)) for v in ((16, 64, 512), (1, 4, 8), (1, 2, 4))
    )
    x_scale, w_scale = (np.float32(v) for v in rng.uniform(0.01, 0.5, 2))
    unit = x_scale * w_scale
    net = Net((1, channels, 4, 4), seed=seed)
    if bits == 1:
        net.add("Sub", net.const(0.5)).bipolar(float(x_scale))
    else:
        net.quant(bits, float(x_scale), signed=int(rng.integers(2)))
    if seed % 2:
        net.rng = _Positive(seed)  # type: ignore[assignment]
    net.conv(channels, 8, pad=1, scale=float(w_scale), bits=weight_bits)
    step = np.float32(unit * 2 ** int(rng.integers(1, 4)))
    far = np.float32(unit * int(rng.integers(1, 100_000)))
    kind = seed // 2 % 4
    if kind == 1:
        net.add("Add", net.const(far))
    elif kind > 1:
        far = unit if kind == 2 else far
        factor = 1.7 / np.sqrt(2.3 + 1e-5)
        parameters = [np.full(8, v) for v in (1.7, far * factor, far, 2.3)]
        net.add("BatchNormalization", *(net.const(p) for p in parameters), epsilon=1e-5)
        step = np.float32(factor * step)
    net.quant(8, float(step))
    return net.add("Reshape", net.const([1, -1], np.int64)).matmul(128, 10).build()


def main(random: int, hard: int) -> None:
    """Print one line for the random networks and one for the adversarial ones."""
    found = Distances()
    for seed in range(random):
        found.add(build(draw(seed)), seed)
    print(found.line(f"{random} random networks"))
    witness.ALLOWED_ULP = 1e30  # distances are wanted, whatever they are
    found = Distances()
    for seed in range(hard):
        found.add(adversarial(seed), seed)
    print(found.line(f"{hard} adversarial networks"))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
