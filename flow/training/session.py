"""The living objects of a training: network, optimiser, methods; one step at a time."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from flow.errors import UserError
from flow.models.quantizers import initialise_latent_weights, initialise_real_weights
from flow.training.batches import Samples
from flow.training.captured import CapturedStep, Computation
from flow.training.checkpoint import Checkpoint
from flow.training.compiled import require_gradients
from flow.training.layers import BinaryLayer, ByteConv2d, ByteLinear, score_divisor
from flow.training.methods import Runtime, Setting
from flow.training.processes import Processes
from flow.training.recipe import Recipe
from flow.training.trained import build_twin, load_twin, load_weights

_HEAD_SCALE_FLOOR = 1e-3


class Session:
    """Built fresh from a recipe, or taken up from a checkpoint."""

    def __init__(
        self,
        recipe: Recipe,
        device: torch.device,
        *,
        processes: Processes | None = None,
        resume: Checkpoint | None = None,
        compiled: bool = False,
    ) -> None:
        self.recipe, self.device = recipe, device
        torch.backends.cudnn.benchmark = device.type == "cuda"  # every batch has the same shape
        self.processes = processes or Processes()
        model, kit = build_twin(recipe)
        self.phase = kit.phase
        self.phase.generator = torch.Generator(device=device)
        self.phase.moment = torch.zeros((), device=device)
        generator = torch.Generator().manual_seed(recipe.seed)
        if recipe.model.name == "vgg16":
            initialise_real_weights(model, generator)
        else:
            initialise_latent_weights(model, recipe.latent_bound, generator)
        if resume is not None and resume.weights:
            load_weights(model, resume.weights, "the checkpoint")
        model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        own_norm = kit.methods.deciding("batch_norm") is not None
        if self.processes.count > 1 and device.type == "cuda" and not own_norm:
            model = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
        self.model: nn.Sequential = model
        special = kit.methods.deciding("optimizer")
        self._captures = (
            device.type == "cuda"
            and self.processes.count == 1
            and special is None
            and all(method.capturable for method in kit.methods.all)
        )
        self.optimizer: Any = (
            special.optimizer(model, recipe)
            if special is not None
            else torch.optim.Adam(
                model.parameters(),
                lr=recipe.peak_learning_rate,
                fused=True,
                capturable=self._captures,
            )
        )
        setting = Setting(recipe, model, self.optimizer, device, load_twin, self.processes.count)
        self.runtimes: dict[str, Runtime] = kit.methods.start(setting)
        if resume is not None:
            self._take_up(resume)
        self._plain: Any = self.processes.wrap(model, device)
        self._forward: Any = torch.compile(self._plain) if compiled else self._plain
        self._unchecked = compiled
        self._compute_step: Computation = self._compute
        if self._captures:
            for group in self.optimizer.param_groups:
                group["capturable"] = True
                group["lr"] = torch.tensor(float(group["lr"]), device=device)
            self._compute_step = CapturedStep(self._compute, self.optimizer.zero_grad)
        self._divisor = score_divisor(model)
        self._latent = [m.weight for m in model.modules() if _is_latent(m)]
        self._head_scales = [m.weight for n, m in model.named_children() if n == "bn_head"]

    def _take_up(self, progress: Checkpoint) -> None:
        if progress.weights:
            # Again: starting the methods has set their scales.
            self.model.load_state_dict(progress.weights)
        if progress.optimizer:
            self.optimizer.load_state_dict(progress.optimizer)
        for name, runtime in self.runtimes.items():
            if name in progress.methods:
                runtime.load_state_dict(progress.methods[name])

    def begin_epoch(self, epoch: int) -> None:
        """Switch to training and seed the methods' random numbers."""
        self.model.train()
        self.phase.generator.manual_seed(self.recipe.seed * 1_000_003 + epoch)

    def step(self, pixels: Tensor, labels: Tensor, done: int, steps: int) -> tuple[Tensor, Tensor]:
        """Train one batch; return loss, a scalar, and scores (N, classes), on the device.

        pixels: float32 in [0, 1], (N, 3, H, W); `done` of `steps` are behind.
        """
        self.phase.move_to(done / steps)
        rate = self.recipe.learning_rate(done, steps)
        for group in self.optimizer.param_groups:
            if self._captures:
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
        if self._unchecked:
            self._require_compiled_gradients(pixels, labels)
            self._unchecked = False
        results = self._compute_step(pixels, labels)
        for runtime in self.runtimes.values():
            runtime.after_step()
        return results

    def _scores(self, forward: Any, pixels: Tensor) -> Tensor:
        with torch.autocast(
            self.device.type,
            dtype=torch.bfloat16,
            enabled=self.recipe.compute == "bfloat16",
            cache_enabled=False,
        ):
            scores: Tensor = forward(pixels).float()
        return scores

    def _require_compiled_gradients(self, pixels: Tensor, labels: Tensor) -> None:
        drawn = self.phase.generator.get_state()

        def loss(forward: Any) -> Tensor:
            self.phase.generator.set_state(drawn)
            return F.cross_entropy(self._scores(forward, pixels) / self._divisor, labels)

        require_gradients(self.model, lambda: loss(self._plain), lambda: loss(self._forward))
        self.phase.generator.set_state(drawn)

    def _compute(self, pixels: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        scores = self._scores(self._forward, pixels)
        loss = F.cross_entropy(scores / self._divisor, labels)
        own = loss.detach()
        for runtime in self.runtimes.values():
            loss = runtime.loss(pixels, labels, scores / self._divisor, loss)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        for runtime in self.runtimes.values():
            runtime.after_backward()
        self.optimizer.step()
        self._clamp()
        return own, scores.detach()

    @torch.no_grad()
    def _clamp(self) -> None:
        """Keep latent weights in [-1, 1], and the scale of the head's BatchNorm positive."""
        if self._latent:
            torch._foreach_clamp_min_(self._latent, -1.0)
            torch._foreach_clamp_max_(self._latent, 1.0)
        for scale in self._head_scales:
            scale.clamp_(min=_HEAD_SCALE_FLOOR)

    def evaluated(self, train_set: Samples) -> nn.Sequential:
        """Return the network whose accuracy counts, which is the one to publish."""
        for runtime in self.runtimes.values():
            model = runtime.evaluated(train_set)
            if model is not None:
                return model
        return self.model

    def method_states(self) -> dict[str, dict[str, Any]]:
        """Return the state of every method that has one."""
        states = {name: runtime.state_dict() for name, runtime in self.runtimes.items()}
        return {name: state for name, state in states.items() if state}


def _is_latent(layer: nn.Module) -> bool:
    return isinstance(layer, BinaryLayer | ByteConv2d | ByteLinear)


def usable_device(device: str) -> torch.device:
    """Return the PyTorch device called `device`; UserError where it cannot be used."""
    try:
        place = torch.device(device)
        torch.zeros(1, device=place)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"train: device {device!r} cannot be used here ({first}); use 'cpu', or 'cuda' on a "
            "machine with a CUDA build of PyTorch"
        ) from error
    return place
