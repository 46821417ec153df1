"""Torch.compile must keep the gradients; PyTorch 2.11 loses some without a word."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from training import compiled_script
from training.compiled_script import RECIPE, step

from flow.errors import CheckFailed
from flow.training.estimators import sign, sign_with_slope
from flow.training.session import Session

SCRIPT = Path(compiled_script.__file__)


@pytest.mark.slow  # a minute of compiling; a training checks the same before its first step
def test_compiled_step_is_the_plain_step_and_its_check_leaves_no_trace() -> None:
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    plain, compiled = found["losses"]
    assert compiled == pytest.approx(plain, rel=1e-3)
    assert found["batches"] == 1


def test_compiler_that_loses_gradients_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def losing(forward: Any) -> Callable[[Tensor], Tensor]:
        *front, last = forward

        def run(x: Tensor) -> Tensor:
            for layer in front:
                x = layer(x)
            result: Tensor = last(x.detach())
            return result

        return run

    monkeypatch.setattr(torch, "compile", losing)
    session = Session(RECIPE, torch.device("cpu"), compiled=True)
    with pytest.raises(CheckFailed, match=r"that of fc0\.weight has norm 0 instead of"):
        step(session)


class _Recorder(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        self.names.append(func.__name__)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("of", [sign, lambda x: sign_with_slope(x, torch.ones_like(x))])
def test_signs_change_nothing_in_place(of: Callable[[Tensor], Tensor]) -> None:
    """That is where PyTorch 2.11 loses the gradient; later versions do not."""
    x = torch.tensor([-1.0, -0.0, 0.0, 0.5], requires_grad=True)
    with _Recorder() as recorder:
        assert of(x).tolist() == [-1, 1, 1, 1]
    assert recorder.names, "the recorder must see something"
    in_place = [n for n in recorder.names if n.endswith("_") and not n.endswith("__")]
    assert in_place == []
