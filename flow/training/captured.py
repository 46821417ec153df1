"""A training step as one CUDA graph, because launching its kernels takes longer than they run."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Computation = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]

WARM_UP_STEPS = 3


class CapturedStep:
    """Runs `compute(pixels, labels)` plainly a few times, then captures it and replays it.

    Every call is a step of the training, the first ones too; they let PyTorch choose its kernels
    before the capture. Batches must keep their shape. What changes from step to step (learning
    rate, place in the schedule) must be a tensor that is filled before the call. The results are
    overwritten by the next call.
    """

    def __init__(self, compute: Computation, prepare: Callable[[], None]) -> None:
        """`prepare` is called right before the capture; it has to drop the old gradients."""
        self._compute, self._prepare = compute, prepare
        self._plain_steps = 0
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, pixels: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Do one step."""
        if self._graph is None:
            if self._plain_steps < WARM_UP_STEPS:
                self._plain_steps += 1
                return self._on_side_stream(pixels, labels)
            self._graph = self._captured(pixels, labels)
        self._pixels.copy_(pixels)
        self._labels.copy_(labels)
        self._graph.replay()
        return self._results

    def _on_side_stream(self, pixels: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            results = self._compute(pixels, labels)
        torch.cuda.current_stream().wait_stream(stream)
        return results

    def _captured(self, pixels: Tensor, labels: Tensor) -> torch.cuda.CUDAGraph:
        """Return the recorded kernels of a step; none of them has run."""
        self._pixels, self._labels = pixels.clone(), labels.clone()
        self._prepare()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._results = self._compute(self._pixels, self._labels)
        return graph
