"""TFC and LFC, the BNN-PYNQ multilayer perceptrons: three hidden dense layers."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from flow.models.kit import Channels, LayerKit, WeightBits


class ChannelsLast(nn.Module):
    """Bring (N, C, H, W) into the order in which an accelerator receives it, (N, H, W, C)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1)


HIDDEN = {"tfc": (64, 64, 64), "lfc": (1024, 1024, 1024)}


def mlp_layers(
    kit: LayerKit,
    *,
    name: str,
    channels: Channels,
    classes: int,
    side: int = 32,
    end_bits: tuple[WeightBits, WeightBits] = (1, 1),
) -> nn.Sequential:
    """Return the layers of "tfc" or "lfc" in order; input (N, 3, side, side), output (N, classes).

    The pixels enter with 8 bits; BNN-PYNQ's own, made for binarised digits, take one.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        # In stream order the flattening costs nothing in hardware.
        input=kit.input(),
        channels_last=ChannelsLast(),
        flatten=nn.Flatten(),
    )
    inputs = 3 * side * side
    hidden = HIDDEN[name]
    for number, full_width in enumerate(hidden):
        outputs = channels.next(full_width)
        layers[f"fc{number}"] = kit.linear(inputs, outputs, end_bits[0] if number == 0 else 1)
        layers[f"bn_fc{number}"] = kit.batch_norm_1d(outputs)
        layers[f"sign_fc{number}"] = kit.sign()
        inputs = outputs
    layers[f"fc{len(hidden)}"] = kit.linear(inputs, classes, end_bits[1])
    return nn.Sequential(layers)
