"""Distillation: the scores of a frozen teacher are part of the target."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from flow.errors import UserError
from flow.models.registry import ModelSpec
from flow.training.checkpoint import load_checkpoint
from flow.training.layers import score_divisor
from flow.training.methods.base import Method, Runtime, Setting


def soft_target_loss(scores: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Return T^2 times the KL divergence of softened class probabilities; both (N, classes)."""
    return temperature**2 * F.kl_div(
        F.log_softmax(scores / temperature, dim=1),
        F.softmax(teacher / temperature, dim=1),
        reduction="batchmean",
    )


class _FrozenTeacher(Runtime):
    def __init__(self, method: Distillation, setting: Setting) -> None:
        _require_fitting(method.teacher, setting.recipe.model)
        self._method = method
        self._teacher = setting.load_teacher(method.teacher).to(setting.device).eval()
        self._divisor = score_divisor(self._teacher)

    def loss(self, pixels: Tensor, labels: Tensor, scores: Tensor, own: Tensor) -> Tensor:
        del labels
        with torch.no_grad():
            wanted = self._teacher(pixels).float() / self._divisor
        share = self._method.share
        return (1 - share) * own + share * soft_target_loss(
            scores, wanted, self._method.temperature
        )


def _require_fitting(teacher: Path, student: ModelSpec) -> None:
    """Raise UserError where the checkpoint is missing, or sees or tells apart something else."""
    if not teacher.is_file():
        raise UserError(
            f"train: methods.distillation.teacher: there is no {teacher}; train it first, or name "
            "the best.pt of another run folder"
        )
    its = load_checkpoint(teacher).recipe.model
    if (its.classes, its.image_side) != (student.classes, student.image_side):
        raise UserError(
            f"train: methods.distillation.teacher: {teacher} gives {_shape(its)}, the network "
            f"{_shape(student)}; train a teacher with the same model.classes and model.image_side"
        )


def _shape(model: ModelSpec) -> str:
    return f"{model.classes} scores for images of {model.image_side} x {model.image_side}"


class Distillation(Method):
    """Combine with any other method; the teacher is a checkpoint of this project (best.pt)."""

    name = "distillation"
    reference = (
        "Hinton, Vinyals, Dean: Distilling the Knowledge in a Neural Network, arXiv 1503.02531"
    )
    maps_unchanged = True
    capturable = True
    reason = "the teacher takes part in training only"
    decides = frozenset({"loss"})

    teacher: Path = Field(description="best.pt of the teacher's run folder.")
    temperature: float = Field(4.0, gt=0, description="Softening of both score vectors.")
    share: float = Field(0.5, ge=0, le=1, description="Weight of the teacher's part in the loss.")

    def start(self, setting: Setting) -> Runtime:
        return _FrozenTeacher(self, setting)
