"""CNV, the BNN-PYNQ network: six unpadded convolutions and three dense layers, all 1 bit."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from flow.models.kit import Channels, LayerKit, WeightBits

STACKS = ((64, 64), (128, 128), (256, 256))
_POOLED_STACKS = 2
HIDDEN = (512, 512)


def map_side(side: int) -> int:
    """Return the side of the last map for images of `side`; below 1: the images are too small."""
    return ((side - 4) // 2 - 4) // 2 - 4


def cnv_layers(
    kit: LayerKit,
    *,
    channels: Channels,
    classes: int,
    side: int = 32,
    end_bits: tuple[WeightBits, WeightBits] = (1, 1),
) -> nn.Sequential:
    """Return the layers in order; input (N, 3, side, side), output (N, classes)."""
    layers: OrderedDict[str, nn.Module] = OrderedDict(input=kit.input())
    inputs, index = 3, 0
    for number, stack in enumerate(STACKS):
        for full_width in stack:
            outputs = channels.next(full_width)
            layers[f"conv{index}"] = kit.conv(inputs, outputs, 0, end_bits[0] if index == 0 else 1)
            layers[f"bn{index}"] = kit.batch_norm_2d(outputs)
            layers[f"sign{index}"] = kit.sign()
            inputs, index = outputs, index + 1
        if number < _POOLED_STACKS:
            layers[f"pool{number}"] = nn.MaxPool2d(2)
    layers["flatten"] = nn.Flatten()
    inputs *= map_side(side) ** 2  # 1 x 1 for images of 32 x 32
    for number, full_width in enumerate(HIDDEN):
        outputs = channels.next(full_width)
        layers[f"fc{number}"] = kit.linear(inputs, outputs)
        layers[f"bn_fc{number}"] = kit.batch_norm_1d(outputs)
        layers[f"sign_fc{number}"] = kit.sign()
        inputs = outputs
    layers[f"fc{len(HIDDEN)}"] = kit.linear(inputs, classes, end_bits[1])
    return nn.Sequential(layers)
