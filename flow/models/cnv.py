"""CNV, the BNN-PYNQ network: six unpadded convolutions and three dense layers, all 1 bit."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from flow.models.kit import LayerKit, batch_norm_1d, batch_norm_2d

STACKS = ((64, 64), (128, 128), (256, 256))
_POOLED_STACKS = 2
_HIDDEN = 512


def cnv_layers(kit: LayerKit, *, width: float, classes: int) -> nn.Sequential:
    """Return the layers of CNV in order; input (N, 3, 32, 32), output (N, classes) integers."""
    layers: OrderedDict[str, nn.Module] = OrderedDict(input=kit.input())
    channels, index = 3, 0
    for number, stack in enumerate(STACKS):
        for full_width in stack:
            outputs = round(full_width * width)
            layers[f"conv{index}"] = kit.conv(channels, outputs, 0)
            layers[f"bn{index}"] = batch_norm_2d(outputs)
            layers[f"sign{index}"] = kit.sign()
            channels, index = outputs, index + 1
        if number < _POOLED_STACKS:
            layers[f"pool{number}"] = nn.MaxPool2d(2)
    layers["flatten"] = nn.Flatten()  # the map is 1 x 1 here
    hidden = round(_HIDDEN * width)
    for number in range(2):
        layers[f"fc{number}"] = kit.linear(channels, hidden)
        layers[f"bn_fc{number}"] = batch_norm_1d(hidden)
        layers[f"sign_fc{number}"] = kit.sign()
        channels = hidden
    layers["fc2"] = kit.linear(channels, classes)
    return nn.Sequential(layers)
