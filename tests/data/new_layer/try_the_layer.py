"""Run in a copy of the repository to which the layer was added: everything must know it by now.

Prints one line for each thing that was checked.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from accelerator import generate_network
from flow.hardware.kernels.absolute import AbsoluteUnit
from fuzz.check import JUDGES, Case, some_inputs
from fuzz.draw import draw
from nets import Net

from flow.check import rtlsim
from flow.check.compare import compare_streams
from flow.frontend.golden import GoldenSession, lower_to_plain_onnx
from flow.hardware.costs import measure
from flow.hardware.costs.grid import mappable
from flow.hardware.costs.model import TABLE, Measurement, load_table, save_table
from flow.hardware.decoded import decode
from flow.hardware.sources import RTL_SOURCE_DIR
from flow.hardware.synthesis.mapping import map_kernels
from flow.hardware.synthesis.utilisation import Utilisation


def net() -> Net:
    """A convolution, signed codes, their magnitudes, and the scores."""
    small = Net((1, 3, 5, 5), seed=7).image_quantiser()
    small.conv(3, 4).quant(4, 1.0).add("Abs").add("Flatten", axis=1).matmul(36, 3)
    return small


def price(folder: Path) -> None:
    """Measure the new kernel with yosys and fit the model, as `flow costs --measure` does."""
    kernels = [mappable(unit) for unit in AbsoluteUnit.measured("xcup")]
    found = map_kernels(kernels, RTL_SOURCE_DIR, "xcup", cache=folder, jobs=1, timeout_s=600)
    rows = load_table()
    for kernel, result in found.items():
        taken = Utilisation(**result.utilisation.as_dict())
        parameters = dict(kernel.parameters)
        rows.append(Measurement(kernel.module, parameters, "xcup", taken, result.logic_levels))
    save_table(rows, measure.made_with(), TABLE)
    errors = [error for error in measure.refit() if error.variant == "bnn_absolute"]
    assert errors and all(error.worst < 0.25 for error in errors), errors
    print("priced")


def main(folder: Path) -> None:
    """Check golden, witness, network, cppsim, cost, RTL and decoder."""
    model = net().build((1, 3))
    golden = lower_to_plain_onnx(model)
    images, values = some_inputs(golden.input, 4)
    case = Case(draw(0), model, golden, images, values, GoldenSession(golden).run_with_taps(images))
    for name, judge in JUDGES.items():
        assert judge(case) == "", (name, judge(case))
        print(name)
    price(folder / "cost")
    (folder / "rtl").mkdir()
    made = generate_network(case.network, folder / "rtl", images)
    assert "bnn_absolute" in [node.module for node in made.design.nodes]
    binary = rtlsim.build(made.design, made.rtl, folder / "sim", timeout_s=600, optimize="-O0")
    result = rtlsim.simulate(
        made.design, binary, made.rtl, made.images, seed=1, timeout_s=600, idle=0.3, stall=0.3
    )
    outcome = compare_streams(made.design, made.expected, result)
    assert not outcome.difference, outcome.difference
    print("rtlsim")
    made.design.save(folder / "design.json")
    scores = made.network.run(made.images)[made.network.scores.name]
    assert np.array_equal(decode(folder).run(made.images), scores.reshape(len(scores), -1))
    print("decoded")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
