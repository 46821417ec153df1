"""The release format: one bit for each 1-bit weight, and BatchNorm as it is.

A `.bnn` file is a NumPy archive: `spec` (the ModelSpec as JSON), `bits/NAME` (uint8, the layer's
weights in row-major order, 8 to a byte, element 0 least significant, bit 1 = +1), `scale/NAME`
(float32 per output channel, where there is one), `full/NAME` (everything else as it is), and `note`
(JSON, how it was trained) in the finished.bnn of a run folder. Shapes follow from the spec.
Full-width B-VGG16 takes 1.9 MB.
"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from driver.packing import bipolar_to_bits, bits_to_bipolar, pack_words, unpack_words
from flow.errors import UserError
from flow.models.registry import ModelSpec
from flow.training.trained import FinishedNetwork, load_weights

SUFFIX = ".bnn"
_FORMAT = 1
_UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


def save_packed(network: FinishedNetwork, path: Path, *, note: str = "") -> Path:
    """Write `network` to `path` by rename, with a `note` if there is one; return the path."""
    arrays: dict[str, NDArray[Any]] = {
        "format": np.array(_FORMAT),
        "spec": np.array(network.spec.model_dump_json(exclude_defaults=True)),
    }
    if note:
        arrays["note"] = np.array(note)
    for name, tensor in network.state.items():
        values = tensor.numpy()
        if values.ndim >= 2 and bool((np.abs(values) == 1).all()):
            bits = bipolar_to_bits(values.astype(np.int8)).reshape(1, -1)
            arrays[f"bits/{name}"] = pack_words(bits, 1)[0]
        else:
            arrays[f"full/{name}"] = values
    for name, scale in network.scales.items():
        arrays[f"scale/{name}"] = scale.numpy()
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    with temporary.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # its stubs mix up keywords
    os.replace(temporary, path)
    return path


def load_packed(path: Path) -> FinishedNetwork:
    """Read what `save_packed` wrote; UserError where it is damaged or another architecture's."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            if int(archive["format"]) != _FORMAT:
                raise UserError(
                    f"train: {path} has format {int(archive['format'])}, this version reads "
                    f"{_FORMAT}; update bnnflow"
                )
            spec = ModelSpec.model_validate_json(str(archive["spec"]))
            model = spec.brevitas_layers()
            state, scales = {}, {}
            for key in archive.files:
                kind, _, name = key.partition("/")
                if kind == "bits":
                    shape = model.state_dict()[name].shape
                    bits = unpack_words(archive[key][None], shape.numel(), 1, signed=False)[0]
                    signs = bits_to_bipolar(bits).astype(np.float32)
                    state[name] = torch.from_numpy(signs).reshape(shape)
                elif kind == "full":
                    state[name] = torch.from_numpy(archive[key])
                elif kind == "scale":
                    scales[name] = torch.from_numpy(archive[key])
    except _UNREADABLE as error:
        raise _unreadable(path, error) from error
    load_weights(model, state, str(path))
    return FinishedNetwork(spec, state, scales)


def read_note(path: Path) -> str:
    """Return the note in a packed file, empty where there is none; UserError as `load_packed`."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return str(archive["note"]) if "note" in archive.files else ""
    except _UNREADABLE as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> UserError:
    return UserError(
        f"train: {path} is not a packed network ({type(error).__name__}: {error}); pack it "
        "again with flow train --packed"
    )
