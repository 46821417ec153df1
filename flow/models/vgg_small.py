"""VGG-small: six padded convolutions and one dense layer (Cai et al., HWGQ, CVPR 2017)."""

from __future__ import annotations

from torch import nn

from flow.models.bvgg16 import Head, bvgg16_layers
from flow.models.kit import Channels, LayerKit, WeightBits

STACKS = ((128, 128), (256, 256), (512, 512))


def vgg_small_layers(
    kit: LayerKit,
    *,
    channels: Channels,
    pad_value: int,
    head: Head,
    classes: int,
    side: int = 32,
    end_bits: tuple[WeightBits, WeightBits] = (1, 1),
) -> nn.Sequential:
    """Return the layers in order: the scheme of B-VGG16 with a pool after each of three stacks.

    Its usual head is "flatten": 4 x 4 x 512 signs into the only dense layer.
    """
    return bvgg16_layers(
        kit,
        channels=channels,
        pad_value=pad_value,
        head=head,
        classes=classes,
        side=side,
        end_bits=end_bits,
        stacks=STACKS,
        pooled_stacks=len(STACKS),
        hidden=(),
    )
