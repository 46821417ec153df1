"""The accelerator on a platform (a board, or its simulation): images in, scores out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from driver.dma import DmaEngine
from driver.errors import DmaError, DmaTimeout, DriverError, InputError
from driver.images import check_images
from driver.packing import pack_frames, unpack_scores
from driver.registers import STATUS_PACKET_ERROR, Registers

if TYPE_CHECKING:
    from typing import Any, Optional, Protocol, Tuple

    from numpy.typing import NDArray

    from driver.manifest import Manifest
    from driver.registers import Counters, RegisterBus

    class Platform(Protocol):
        """Where an accelerator lives."""

        name: str
        clock_mhz: float
        timeout_floor_s: float
        bus: RegisterBus
        dma: Any

        def allocate(self, nbytes: int) -> Any:
            """Return a flat uint8 array that the DMA can reach."""

        def clock(self) -> float:
            """Return the time in seconds, in which time limits are measured."""

        def pause(self) -> None:
            """Let a little time pass."""

        def close(self) -> None:
            """Give everything back."""


DEFAULT_BATCH = 64
_PATIENCE = 4.0  # time limit: this many times what the accelerator should need


class Buffers(NamedTuple):
    """The memory of one batch."""

    images: Any
    scores: Any


class Accelerator:
    """One accelerator, checked to be the manifest's; not to be used by two threads at once.

    Two sets of buffers let the processor pack and unpack while the DMA moves the other batch.
    """

    def __init__(
        self,
        manifest: Manifest,
        platform: Platform,
        batch: int = DEFAULT_BATCH,
        timeout_s: Optional[float] = None,
    ) -> None:
        """Take over `platform`, which stays the caller's to close.

        batch: images a transfer. timeout_s: time limit of one; None: from the measured cycles.
        Raises CheckFailed if the accelerator is another one.
        """
        self.name = platform.name
        self.manifest = manifest
        self._platform = platform
        self._registers = Registers(platform.bus)
        self._registers.check_identity(manifest.identity, manifest.shell_version)
        self._dma = DmaEngine(platform.dma, platform.clock, platform.pause)
        largest = self._dma.max_bytes // max(manifest.in_frame_bytes, manifest.out_frame_bytes)
        if batch < 1 or largest < 1:
            raise InputError(f"--batch: {batch}; it is 1 to {largest} images a transfer")
        self.batch = min(batch, largest)
        self._timeout_s = timeout_s or platform.timeout_floor_s + _PATIENCE * self._expected_s()
        self._sets: Optional[Tuple[Buffers, Buffers]] = None
        self.recover()

    @property
    def clock_mhz(self) -> float:
        """The clock as it was set."""
        return self._platform.clock_mhz

    def run(self, images: NDArray[np.uint8]) -> NDArray[np.int32]:
        """Return int32 scores (N, classes) of uint8 images (N, H, W, C), in order.

        Raises InputError for a wrong shape; DmaTimeout, DmaError or DriverError if the hardware
        fails: it has been reset then, and the next call works.
        """
        check_images(images, self.manifest.image_shape, "images")
        sets = self._allocated(min(self.batch, len(images)))
        self._registers.clear_counters()
        scores = np.empty((len(images), self.manifest.classes), np.int32)
        try:
            self._stream(images, scores, sets)
        except DriverError as error:
            raise type(error)(self._explained(error)) from error
        except BaseException:  # Ctrl-C too must leave no transfer behind
            self.recover()
            raise
        return scores

    def counters(self) -> Counters:
        """Return what the shell counted during the last run."""
        return self._registers.counters()

    def recover(self) -> None:
        """Abort all transfers and empty the accelerator.

        Raises DriverError if that does not help.
        """
        self._dma.recover()
        self._registers.soft_reset()

    def load_weights(self, path: str) -> None:
        """Replace the weights.

        Raises InputError: an accelerator with fixed weights cannot.
        """
        if not self.manifest.loadable_weights or not self._registers.can_load_weights():
            raise InputError(
                f"--weights {path}: this accelerator has fixed weights, part of its bitstream; "
                "build one with the new weights (flow build --model ...)"
            )
        raise DriverError(f"--weights {path}: this driver cannot load weights yet")

    def _stream(
        self,
        images: NDArray[np.uint8],
        scores: NDArray[np.int32],
        sets: Tuple[Buffers, Buffers],
    ) -> None:
        """Move all batches, the packing of one overlapping the computing of the one before."""
        count = sets[0].images.size // self.manifest.in_frame_bytes
        starts = range(0, len(images), count)
        sizes = [len(images[start : start + count]) for start in starts]
        nbytes = self._pack(images[: sizes[0]], sets[0])
        for k, start in enumerate(starts):
            buffers = sets[k % 2]
            self._dma.receive(buffers.scores, sizes[k] * self.manifest.out_frame_bytes)
            if k == 0:
                self._dma.send(buffers.images, nbytes)
            if k + 1 < len(sizes):
                begin = start + count
                nbytes = self._pack(images[begin : begin + sizes[k + 1]], sets[(k + 1) % 2])
                self._dma.wait_sent(self._timeout_s)
                self._dma.send(sets[(k + 1) % 2].images, nbytes)
            self._take(buffers, sizes[k], scores[start : start + sizes[k]])
        self._dma.wait_sent(self._timeout_s)

    def _pack(self, images: NDArray[np.uint8], buffers: Buffers) -> int:
        return pack_frames(images, buffers.images, self.manifest.in_frame_bytes)

    def _take(self, buffers: Buffers, frames: int, scores: NDArray[np.int32]) -> None:
        received = self._dma.wait_received(self._timeout_s)
        m = self.manifest
        if received != frames * m.out_frame_bytes:
            raise DmaError(
                f"short read: {received} bytes of scores came for {frames} images, expected "
                f"{frames * m.out_frame_bytes}"
            )
        scores[:] = unpack_scores(
            np.asarray(buffers.scores), frames, m.out_frame_bytes, m.out_elem_bits, m.classes
        )

    def _allocated(self, frames: int) -> Tuple[Buffers, Buffers]:
        """Return both sets of buffers for batches of `frames` images, the old ones if they fit."""
        m = self.manifest
        if self._sets is None or self._sets[0].images.size != frames * m.in_frame_bytes:
            first, second = (
                Buffers(
                    self._platform.allocate(frames * m.in_frame_bytes),
                    self._platform.allocate(frames * m.out_frame_bytes),
                )
                for _ in range(2)
            )
            self._sets = first, second
        return self._sets

    def _explained(self, error: DriverError) -> str:
        """Recover, and return the error with what the accelerator's counters said before."""
        text = str(error)
        counted = self._registers.counters()
        bad_packet = self._registers.status() & STATUS_PACKET_ERROR
        self.recover()
        if isinstance(error, (DmaTimeout, DmaError)):
            text += (
                f"; the accelerator took {counted.frames_in} frames and gave {counted.frames_out}"
            )
            if bad_packet:
                text += ", a packet ended inside a frame"
        return f"{text}; DMA and accelerator were reset and can be used again"

    def _expected_s(self) -> float:
        frames = self.batch + 1
        return frames * self.manifest.cycles_per_frame / (self._platform.clock_mhz * 1e6)
