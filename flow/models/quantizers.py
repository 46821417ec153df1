"""The Brevitas quantisers of every network here, and the layers made with them.

1-bit weights are BinaryQuant with scale 1.0 (straight-through gradient everywhere: the training
loop clamps the latent weights to [-1, 1]). 1-bit activations are ClampedBinaryQuant (gradient zero
outside [-1, 1]). The input has 8 bits: code = pixel - 128, value = code / 128.
"""

from __future__ import annotations

import brevitas.nn as qnn
import torch
from brevitas.core.bit_width import BitWidthImplType
from brevitas.core.quant import ClampedBinaryQuant, QuantType
from brevitas.core.restrict_val import FloatToIntImplType, RestrictValueType
from brevitas.core.scaling import ScalingImplType
from brevitas.core.zero_point import ZeroZeroPoint
from brevitas.inject import ExtendedInjector
from brevitas.quant.solver import ActQuantSolver, WeightQuantSolver
from torch import Tensor, nn


class _ConstantScale(ExtendedInjector):
    """Settings that all quantisers share: one fixed scale per tensor, zero point 0."""

    bit_width_impl_type = BitWidthImplType.CONST
    scaling_impl_type = ScalingImplType.CONST
    restrict_scaling_type = RestrictValueType.FP
    zero_point_impl = ZeroZeroPoint
    float_to_int_impl_type = FloatToIntImplType.ROUND
    scaling_per_output_channel = False
    signed = True


class BinaryWeight(_ConstantScale, WeightQuantSolver):
    """Weights of -1 and +1."""

    quant_type = QuantType.BINARY
    bit_width = 1
    narrow_range = True
    scaling_const = 1.0


class BinaryActivation(_ConstantScale, ActQuantSolver):
    """Activations of -1 and +1."""

    quant_type = QuantType.BINARY
    tensor_quant = ClampedBinaryQuant
    bit_width = 1
    narrow_range = True
    min_val = -1.0
    max_val = 1.0
    scaling_const = 1.0


class InputPixel(_ConstantScale, ActQuantSolver):
    """Signed 8-bit codes -128..127 with scale 1/128."""

    quant_type = QuantType.INT
    bit_width = 8
    narrow_range = False
    min_val = -1.0
    max_val = 1.0
    scaling_const = 1.0


class InputQuantizer(nn.Module):
    """Map pixels / 255 to (pixel - 128) / 128, exactly, for every pixel value 0..255."""

    def __init__(self) -> None:
        super().__init__()
        self.quant = qnn.QuantIdentity(act_quant=InputPixel, return_quant_tensor=False)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.quant(x * (255.0 / 128.0) - 1.0)
        return result


class BrevitasKit:
    """Layers of the exportable network."""

    def input(self) -> nn.Module:
        return InputQuantizer()

    def sign(self) -> nn.Module:
        layer: nn.Module = qnn.QuantIdentity(act_quant=BinaryActivation, return_quant_tensor=False)
        return layer

    def conv(self, inputs: int, outputs: int, padding: int) -> nn.Module:
        layer: nn.Module = qnn.QuantConv2d(
            inputs, outputs, 3, padding=padding, bias=False, weight_quant=BinaryWeight
        )
        return layer

    def linear(self, inputs: int, outputs: int) -> nn.Module:
        layer: nn.Module = qnn.QuantLinear(inputs, outputs, bias=False, weight_quant=BinaryWeight)
        return layer


def initialise_latent_weights(model: nn.Module, bound: float, generator: torch.Generator) -> None:
    """Draw every conv and dense weight from U(-bound, bound); the order is that of the layers."""
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            with torch.no_grad():
                layer.weight.uniform_(-bound, bound, generator=generator)
