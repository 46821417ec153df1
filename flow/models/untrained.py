"""Networks with random weights, for figures that do not depend on what was learnt."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn.modules.batchnorm import _BatchNorm

from flow.models.export import export_qonnx
from flow.models.registry import build_model

if TYPE_CHECKING:
    from numpy.typing import NDArray


def export_untrained(name: str, path: Path, images: NDArray[np.uint8], **options: Any) -> Path:
    """Export `name` with random weights (seed 1) and BatchNorms that saw `images`; return `path`.

    images: uint8 (N, H, W, C), N >= 2. Without them most activations would be constant. `options`
    are those of `build_model`.
    """
    torch.manual_seed(1)
    network = build_model(name, **options)
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            module.momentum = None  # plain average over what it sees
    network.train()
    pixels = torch.from_numpy(np.array(images)).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        network(pixels)
        return export_qonnx(network.eval(), path)
