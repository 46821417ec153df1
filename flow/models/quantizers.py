"""The Brevitas quantisers of every network here, and the layers made with them.

1-bit weights are BinaryQuant with scale 1.0 (straight-through gradient everywhere: the training
loop clamps the latent weights to [-1, 1]). 1-bit activations are ClampedBinaryQuant (gradient zero
outside [-1, 1]). The input has 8 bits: code = pixel - 128, value = code / 128.
"""

from __future__ import annotations

from typing import Any

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

from flow.models.kit import PlainBatchNorm, WeightBits


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


class ByteWeight(_ConstantScale, WeightQuantSolver):
    """Weights of 8 bits: signed codes -128..127 with scale 1/128."""

    quant_type = QuantType.INT
    bit_width = 8
    narrow_range = False
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


class BrevitasKit(PlainBatchNorm):
    """Layers of the exportable network; `real_activations` puts ReLU in the place of signs."""

    def __init__(self, *, real_activations: bool = False) -> None:
        self._real_activations = real_activations

    def input(self) -> nn.Module:
        return InputQuantizer()

    def sign(self) -> nn.Module:
        if self._real_activations:
            return nn.ReLU()
        layer: nn.Module = qnn.QuantIdentity(act_quant=BinaryActivation, return_quant_tensor=False)
        return layer

    def conv(self, inputs: int, outputs: int, padding: int, bits: WeightBits = 1) -> nn.Module:
        layer: nn.Module = qnn.QuantConv2d(
            inputs, outputs, 3, padding=padding, bias=False, weight_quant=_WEIGHTS[bits]
        )
        return layer

    def linear(self, inputs: int, outputs: int, bits: WeightBits = 1) -> nn.Module:
        layer: nn.Module = qnn.QuantLinear(inputs, outputs, bias=False, weight_quant=_WEIGHTS[bits])
        return layer


_WEIGHTS = {1: BinaryWeight, 8: ByteWeight}


def set_weight_scale(layer: nn.Module, scale: Tensor) -> None:
    """Give a 1-bit Brevitas layer a scale for each output channel: float32 (outputs,), positive."""
    parts: Any = layer  # Brevitas' classes have no types
    shape = (-1, *[1] * (parts.weight.dim() - 1))
    constant = parts.weight_quant.tensor_quant.scaling_impl.value
    constant.value = scale.detach().clone().reshape(shape)


def initialise_latent_weights(model: nn.Module, bound: float, generator: torch.Generator) -> None:
    """Draw every conv and dense weight from U(-bound, bound); the order is that of the layers."""
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            with torch.no_grad():
                layer.weight.uniform_(-bound, bound, generator=generator)


def initialise_real_weights(model: nn.Module, generator: torch.Generator) -> None:
    """Draw real weights as He et al. (ICCV 2015) do for ReLU networks."""
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu", generator=generator)
