"""Apprentice, scheme A: a floating-point teacher of the same shape learns beside the student."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from flow.errors import UserError
from flow.models.floating import FloatKit
from flow.models.quantizers import initialise_real_weights
from flow.training.layers import score_divisor
from flow.training.methods.base import Method, Runtime, Setting


class _JointTeacher(Runtime):
    def __init__(self, method: Apprentice, setting: Setting) -> None:
        if setting.processes > 1:
            raise UserError(
                "train: method apprentice trains its teacher in one process only; run it without "
                "torchrun, or use distillation with a trained teacher"
            )
        recipe = setting.recipe
        self._method = method
        self._teacher = recipe.model.layers(FloatKit())
        initialise_real_weights(
            self._teacher, torch.Generator().manual_seed(recipe.seed + 1_000_003)
        )
        self._teacher.to(setting.device)
        self._divisor = score_divisor(self._teacher)
        self._optimizer = torch.optim.Adam(self._teacher.parameters(), lr=method.learning_rate)

    def loss(self, pixels: Tensor, labels: Tensor, scores: Tensor, own: Tensor) -> Tensor:
        wanted = self._teacher.train()(pixels).float() / self._divisor
        self._optimizer.zero_grad(set_to_none=True)
        # The student's match H(softmax(z_T), z_A) does not reach back into the teacher here.
        match = F.cross_entropy(scores, F.softmax(wanted.detach(), dim=1))
        return (
            self._method.teacher_share * F.cross_entropy(wanted, labels)
            + self._method.own_share * own
            + self._method.match_share * match
        )

    def after_step(self) -> None:
        self._optimizer.step()

    def state_dict(self) -> dict[str, Any]:
        return {
            "teacher": self._teacher.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._teacher.load_state_dict(state["teacher"])
        self._optimizer.load_state_dict(state["optimizer"])


class Apprentice(Method):
    """L = alpha H(y, p_T) + beta H(y, p_A) + gamma H(z_T, p_A), with the paper's weights."""

    name = "apprentice"
    reference = (
        "Mishra, Marr: Apprentice: Using Knowledge Distillation Techniques To Improve "
        "Low-Precision Network Accuracy, ICLR 2018, arXiv 1711.05852, scheme A"
    )
    maps_unchanged = True
    reason = "the teacher takes part in training only"
    decides = frozenset({"loss"})

    teacher_share: float = Field(1.0, gt=0, description="alpha: the teacher's own loss.")
    own_share: float = Field(0.5, gt=0, description="beta: the student's own loss.")
    match_share: float = Field(0.5, ge=0, description="gamma: the student's match.")
    learning_rate: float = Field(1e-3, gt=0, description="Adam rate of the teacher, constant.")

    def start(self, setting: Setting) -> Runtime:
        return _JointTeacher(self, setting)
