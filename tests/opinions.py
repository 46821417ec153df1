"""Ask FINN about a network made by hand, or about a file."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx

from flow.data.images import ImageSet
from flow.data.inputs import find_inputs
from flow.finn.opinion import Opinion, ask_finn
from flow.frontend.golden import lower_to_plain_onnx
from flow.frontend.golden.session import record_vectors
from flow.frontend.golden.vectors import GoldenVectors
from flow.frontend.to_network import network_from_golden
from flow.network import Network


def vectors_of(model: onnx.ModelProto, images: np.ndarray | None = None) -> GoldenVectors:
    golden = lower_to_plain_onnx(model)
    data = find_inputs(None, 3, golden.input)
    if images is not None:
        data = ImageSet(images, np.full(len(images), -1), (), "given")
    return record_vectors(golden, data)


def opinion_of(
    model: onnx.ModelProto, network: Network | None = None, folder: Path | None = None
) -> Opinion:
    """Return FINN's opinion of `network`, by default that of the file itself."""
    if folder is None:
        with TemporaryDirectory() as name:
            return opinion_of(model, network, Path(name))
    network = network or network_from_golden(lower_to_plain_onnx(model))
    with TemporaryDirectory() as name:
        onnx.save(model, f"{name}/model.onnx")
        return ask_finn(Path(name) / "model.onnx", network, vectors_of(model), folder)
