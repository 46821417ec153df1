"""Multilayer perceptrons on inputs that are no pictures: keyword spotting, intrusion detection.

    python -m flow.models.value_mlps keyword-spotting FOLDER

writes the network with random weights, calibrated on inputs of the same kind as the task's, and
such inputs: NAME.onnx and NAME.npz.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import brevitas.nn as qnn
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from flow.errors import UserError
from flow.models.export import export_qonnx
from flow.validation import did_you_mean

_CALIBRATION = 20  # batches that scales and BatchNorms see
_INPUTS = 200
_MFCC_FRAMES, _MFCC_COEFFICIENTS = 49, 10


@dataclass(frozen=True)
class ValueMlp:
    """A perceptron: `bits` are those of weights and activations, `input_bits` of its inputs.

    draw: (generator, count) to float32 (count, features), values as the task has them.
    """

    features: int
    hidden: tuple[int, ...]
    classes: int
    bits: int
    input_bits: int
    draw: Callable[[np.random.Generator, int], NDArray[np.float32]]

    def layers(self) -> nn.Sequential:
        """Return the Brevitas network; input float32 (N, features), output (N, classes)."""
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        layers["input"] = qnn.QuantIdentity(bit_width=self.input_bits, return_quant_tensor=True)
        inputs = self.features
        for k, outputs in enumerate(self.hidden):
            layers[f"fc{k}"] = self._linear(inputs, outputs)
            layers[f"bn{k}"] = nn.BatchNorm1d(outputs)
            layers[f"relu{k}"] = qnn.QuantReLU(bit_width=self.bits, return_quant_tensor=True)
            inputs = outputs
        layers[f"fc{len(self.hidden)}"] = self._linear(inputs, self.classes)
        return nn.Sequential(layers)

    def _linear(self, inputs: int, outputs: int) -> nn.Module:
        layer: nn.Module = qnn.QuantLinear(inputs, outputs, bias=False, weight_bit_width=self.bits)
        return layer

    def export_untrained(self, path: Path, inputs: NDArray[np.float32]) -> Path:
        """Write the network with random weights (seed 1), its scales those of `inputs`."""
        torch.manual_seed(1)
        network = self.layers().train()
        with torch.no_grad():
            for _ in range(_CALIBRATION):
                network(torch.from_numpy(inputs))
        return export_qonnx(
            network.eval(), path, input_shape=(1, self.features), input_name="inputs"
        )


def _coefficients(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    """Return MFCCs of 49 frames, (count, 490): the first coefficient from -88 up, others to 25."""
    shape = (count, _MFCC_FRAMES, _MFCC_COEFFICIENTS)
    values = rng.normal(0.0, 6.0, shape)
    values[..., 0] = rng.uniform(-88.0, 10.0, shape[:2])
    clipped = np.clip(values, -88.0, 25.0)
    return clipped.reshape(count, -1).astype(np.float32)


def _flow_features(rng: np.random.Generator, count: int) -> NDArray[np.float32]:
    """Return features of network flows, (count, 600): mostly 0 and 1, some between -1 and 1."""
    values = (rng.random((count, 600)) < 0.3).astype(np.float64)
    values[:, :40] = rng.uniform(-1.0, 1.0, (count, 40))
    return values.astype(np.float32)


VALUE_MLPS = {
    "keyword-spotting": ValueMlp(490, (256, 256, 256), 12, 3, 8, _coefficients),
    "intrusion-detection": ValueMlp(600, (64, 64, 64), 2, 2, 2, _flow_features),
}
"""After finn-examples' keyword spotting (MLP of 3 bits on MFCCs) and cyber-security (2 bits)."""


def write_example(name: str, folder: Path) -> tuple[Path, Path]:
    """Write NAME.onnx and NAME.npz with inputs (seed 2) into `folder`; return both paths.

    UserError for a name that is not in VALUE_MLPS.
    """
    if name not in VALUE_MLPS:
        raise UserError(f"value_mlps: there is no {did_you_mean(name, list(VALUE_MLPS))}")
    network, rng = VALUE_MLPS[name], np.random.default_rng(2)
    inputs = network.draw(rng, _INPUTS)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(folder / f"{name}.npz", inputs=inputs)
    return network.export_untrained(folder / f"{name}.onnx", inputs), folder / f"{name}.npz"


def main(arguments: list[str]) -> int:
    """Write one example; return the exit status."""
    if len(arguments) != 2:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    for path in write_example(arguments[0], Path(arguments[1])):
        sys.stdout.write(f"{path}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
