"""Networks that come as PyTorch files: checkpoints, state_dicts, packed files, own modules."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from flow.config import read_toml
from flow.errors import CheckFailed, UserError
from flow.models.export import export_qonnx, run_qonnx
from flow.models.registry import ModelSpec
from flow.training.checkpoint import load_checkpoint
from flow.training.packed import SUFFIX, load_packed
from flow.training.trained import brevitas_network, finish, finished_from_state_dict

BUILDER = "build_model"
_CHECKED_IMAGES = 4


def export_source(source: Path, target: Path) -> Path:
    """Write the network in `source` as QONNX to `target` and return it.

    `source` is a checkpoint of `flow train` or a state_dict (.pt, the latter with a .toml of the
    same name beside it that holds [model]), a packed network (.bnn), or a Python file with a
    function `build_model()` that returns the trained Brevitas module (.py). What is exported must
    give every score of the module on random images; CheckFailed if it does not.
    """
    module, shape = _module(source)
    with torch.no_grad():
        module.eval()
        export_qonnx(module, target, input_shape=shape)
        rng = np.random.default_rng(0)
        pixels = rng.integers(0, 256, (_CHECKED_IMAGES, *shape[1:])).astype(np.float32)
        pixels /= np.float32(255)
        expected = module(torch.from_numpy(pixels))
    expected = np.asarray(getattr(expected, "value", expected))
    found = run_qonnx(target, pixels)
    if not np.array_equal(found, expected):
        raise CheckFailed(
            f"export_qonnx: {source.name}: the exported QONNX and the PyTorch module differ in "
            f"{int((found != expected).sum())} of {expected.size} scores on random images; is "
            "every layer a Brevitas layer?"
        )
    return target


def _module(source: Path) -> tuple[nn.Module, tuple[int, ...]]:
    if source.suffix == ".py":
        return _built_by(source)
    finished = load_packed(source) if source.suffix == SUFFIX else _of_pt_file(source)
    side = finished.spec.image_side
    return brevitas_network(finished), (1, 3, side, side)


def _of_pt_file(source: Path) -> Any:
    try:
        content = torch.load(source, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle may raise nearly anything
        raise UserError(
            f"export_qonnx: {source.name} cannot be read as a PyTorch file "
            f"({type(error).__name__}); give a checkpoint or a state_dict saved by torch.save"
        ) from error
    if isinstance(content, dict) and {"recipe", "weights"} <= content.keys():
        return finish(load_checkpoint(source))
    beside = source.with_suffix(".toml")
    if not beside.is_file():
        raise UserError(
            f"export_qonnx: {source.name} is a plain state_dict; write {beside.name} beside it "
            'that says which network it is: [model] with name = "bvgg16", width = 0.5 and so on'
        )
    try:
        spec = ModelSpec.model_validate(read_toml(beside).get("model", {}))
    except ValueError as error:
        raise UserError(f"export_qonnx: {beside.name}: {error}") from error
    return finished_from_state_dict(spec, content, source.name)


def _built_by(source: Path) -> tuple[nn.Module, tuple[int, ...]]:
    spec = importlib.util.spec_from_file_location(f"own_network_{source.stem}", source)
    if spec is None or spec.loader is None:
        raise UserError(f"export_qonnx: {source.name} cannot be imported as Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
        build = getattr(module, BUILDER, None)
        network = build() if callable(build) else None
    except Exception as error:  # it is the user's code
        raise UserError(
            f"export_qonnx: {source.name} failed: {type(error).__name__}: {error}"
        ) from error
    finally:
        del sys.modules[spec.name]
    if not isinstance(network, nn.Module):
        raise UserError(
            f"export_qonnx: {source.name} has no function {BUILDER}() that returns a torch module; "
            "add one (docs/training.md, section Own network)"
        )
    shape = tuple(getattr(module, "INPUT_SHAPE", (1, 3, 32, 32)))
    return network, shape
