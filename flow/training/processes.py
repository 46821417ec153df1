"""One process, or several started by torchrun (PyTorch's own distributed engine)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn


@dataclass(frozen=True)
class Processes:
    """One of the processes that train together: this one."""

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes files."""
        return self.rank == 0

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean of `value` over all processes."""
        if self.count == 1:
            return value
        total = value.clone()
        dist.all_reduce(total)
        return total / self.count

    def decided_by_leader(self, value: float) -> float:
        """Return the leader's `value` in every process."""
        if self.count == 1:
            return value
        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    def wrap(self, model: nn.Module, device: torch.device) -> nn.Module:
        """Return `model` so that gradients are averaged over all processes."""
        if self.count == 1:
            return model
        places = [device.index] if device.type == "cuda" else None
        return nn.parallel.DistributedDataParallel(model, device_ids=places)


@contextmanager
def joined(device: str) -> Iterator[tuple[Processes, str]]:
    """Join the group that torchrun started; yield this process and the device it should use.

    Without torchrun: one process on `device`. With it each process takes the GPU of its local rank,
    or shares the CPU.
    """
    if not dist.is_torchelastic_launched():
        yield Processes(), device
        return
    on_gpu = torch.device(device).type == "cuda"
    dist.init_process_group("nccl" if on_gpu else "gloo")
    try:
        if on_gpu:
            place = f"cuda:{dist.get_node_local_rank(fallback_rank=dist.get_rank())}"
            torch.cuda.set_device(place)
        else:
            place = device
        yield Processes(dist.get_rank(), dist.get_world_size()), place
    finally:
        dist.destroy_process_group()


def is_leader() -> bool:
    """Whether this is the only or the first of the processes that torchrun started."""
    return not dist.is_torchelastic_launched() or dist.get_node_local_rank(fallback_rank=0) == 0
