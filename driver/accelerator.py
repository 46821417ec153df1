"""The accelerator on a platform (a board, or its simulation): images in, scores out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from driver.dma import DmaEngine
from driver.errors import CheckFailed, DmaError, DmaTimeout, DriverError, InputError
from driver.interface import LOAD_ERRORS, STATUS_PACKET_ERROR
from driver.packing import pack_frames, unpack_scores
from driver.registers import Registers
from driver.weight_image import read_weight_image

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, Optional, Protocol, Tuple

    from numpy.typing import NDArray

    from driver.manifest import Manifest
    from driver.registers import Counters, RegisterBus
    from driver.weight_image import WeightImage

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
_LOAD_POLLS = 1000
_PATIENCE = 4.0  # time limit: this many times what the accelerator should need


class Buffers(NamedTuple):
    """The memory of one batch."""

    images: Any
    scores: Any


class Accelerator:
    """One accelerator, checked to be the manifest's; not to be used by two threads at once.

    Two sets of buffers let the processor pack and unpack while the DMA moves the other batch. Where
    weights are loadable, those of the package are loaded here, and again after every reset.
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
        Raises CheckFailed if the accelerator is another one, or the packaged weights are damaged.
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
        self._weights = self._packaged_weights()
        self._usable = False
        self.recover()

    @property
    def clock_mhz(self) -> float:
        """The clock as it was set."""
        return self._platform.clock_mhz

    @property
    def weights(self) -> Optional[str]:
        """The sha256 of the weights in use, None where they are part of the bitstream."""
        return self._weights.sha256 if self._weights is not None else None

    def run(self, images: NDArray[np.uint8]) -> NDArray[np.int32]:
        """Return int32 scores (N, classes) of uint8 images (N, H, W, C), in order.

        Raises InputError for a wrong shape; DmaTimeout, DmaError or DriverError if the hardware
        fails: it has been reset then, and the next call works.
        """
        self.manifest.input.check(images, "images")
        if not self._usable:  # the last recovery failed
            self.recover()
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

    def measure_clock(self, span_s: float) -> float:
        """Return the clock in MHz that the accelerator's cycle counter has by the platform's time.

        Nothing must run meanwhile. Raises DriverError if the counter stands still.
        """
        first, began = self._registers.cycle(), self._platform.clock()
        while self._platform.clock() - began < span_s:
            self._dma.look()
        cycles, seconds = self._registers.cycle() - first, self._platform.clock() - began
        if cycles <= 0:
            raise DriverError("the accelerator's cycle counter stands still: it has no clock")
        return cycles / seconds / 1e6

    def recover(self) -> None:
        """Abort all transfers, empty the accelerator, load its weights again.

        Raises DriverError if that does not help.
        """
        self._usable = False
        self._empty()
        if self._weights is not None:
            self._load(self._weights)
        self._usable = True

    def load_weights(self, path: Path) -> str:
        """Replace the weights by those of a file for the same shapes; return their sha256.

        Raises InputError if the accelerator or the file is not made for that, CheckFailed for a
        damaged file; nothing has changed then. Raises DriverError if loading fails: the weights
        used before are back then.
        """
        if self.manifest.weights is None:
            raise InputError(
                f"--weights {path}: this accelerator has fixed weights, part of its bitstream; "
                "build one with the new weights (flow build --model ...)"
            )
        image = read_weight_image(path, "--weights ")
        if image.words != self.manifest.weights.words:
            raise InputError(
                f"--weights {path}: has {image.words:,} words of weights, this accelerator takes "
                f"{self.manifest.weights.words:,}: it is of a network of other shapes; build an "
                "accelerator for that one (flow build --model ...)"
            )
        try:
            self._empty()
            self._load(image)
        except BaseException as error:
            self.recover()
            if isinstance(error, DriverError):
                raise type(error)(f"{error}; the weights used before were loaded again") from error
            raise
        self._weights = image
        return image.sha256

    def _empty(self) -> None:
        """Leave no transfer, frame or beat behind; loadable weights are gone, too.

        The order does it: first nobody sends any more, then the accelerator is emptied and silent,
        then the beats go that S2MM took from it in between.
        """
        self._dma.stop()
        self._registers.soft_reset()
        self._dma.recover()

    def _packaged_weights(self) -> Optional[WeightImage]:
        """Return the weights of the package; raises CheckFailed unless they are the manifest's."""
        entry = self.manifest.weights
        if (entry is not None) != self._registers.can_load_weights():
            raise CheckFailed(
                "manifest.json and the accelerator do not agree whether weights are loaded; keep "
                ".bit and manifest.json of one package together"
            )
        if entry is None:
            return None
        image = read_weight_image(self.manifest.path(entry.file))
        if image.sha256 != entry.sha256:
            raise CheckFailed(
                f"{entry.file}: these are the weights {image.sha256[:12]}…, manifest.json says "
                f"{entry.sha256[:12]}…; unzip the package again, or load others with --weights"
            )
        words = self._registers.load_words()
        if image.words != words:
            raise CheckFailed(
                f"{entry.file}: has {image.words:,} words of weights, the accelerator takes "
                f"{words:,}; keep {entry.file} and .bit of one package together"
            )
        return image

    def _load(self, image: WeightImage) -> None:
        """Reset the accelerator and load weights; the DMA is idle.

        Raises DriverError if it does not take them, CheckFailed if it says that it has others.
        """
        self._usable = False
        packet = image.packet
        if packet.size > self._dma.max_bytes:
            raise InputError(
                f"weights: {packet.size:,} bytes do not fit one transfer of this DMA "
                f"({self._dma.max_bytes:,} bytes); build with a longer length register"
            )
        buffer = self._platform.allocate(packet.size)
        buffer[:] = packet
        self._registers.begin_load()
        self._dma.send(buffer, packet.size)
        seconds = image.words / (self._platform.clock_mhz * 1e6)
        self._dma.wait_sent(self._platform.timeout_floor_s + _PATIENCE * seconds, weights=True)
        for _ in range(_LOAD_POLLS):
            loaded, error = self._registers.load_state()
            if error:
                raise DriverError(
                    f"the accelerator refused the weights: {LOAD_ERRORS.get(error, error)}"
                )
            if loaded:
                break
            self._platform.pause()
        else:
            raise DriverError("the accelerator got only a part of the weights, and waits for more")
        found = self._registers.weights()
        if found != image.sha256:
            raise CheckFailed(
                f"the accelerator says that it has the weights {found[:12]}…, it was sent "
                f"{image.sha256[:12]}…"
            )
        self._usable = True

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
