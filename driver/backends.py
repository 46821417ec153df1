"""What can compute: a board, its simulation, or this computer's processor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driver.accelerator import DEFAULT_BATCH, Accelerator
from driver.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Optional, Protocol

    import numpy as np
    from numpy.typing import NDArray

    from driver.accelerator import Platform
    from driver.manifest import Manifest
    from driver.registers import Counters

    class Backend(Protocol):
        """One way to compute the scores."""

        @property
        def name(self) -> str:
            """What the user calls it."""

        @property
        def clock_mhz(self) -> Optional[float]:
            """The accelerator's clock, None where there is none."""

        def run(self, images: NDArray[np.uint8]) -> NDArray[np.int32]:
            """Return int32 scores (N, classes) of the integers (N, H, W, C) of an InputRule."""

        def counters(self) -> Optional[Counters]:
            """Return what the hardware counted during the last run, None where it cannot."""

        @property
        def weights(self) -> Optional[str]:
            """The sha256 of the weights in use, None where they cannot be replaced."""

        def load_weights(self, path: Path) -> str:
            """Replace the weights, return their sha256; InputError where that is not possible."""

        def close(self) -> None:
            """Give everything back."""


BACKENDS = ("pynq", "sim", "cpu")


class Cpu:
    """The compiled model of the network on this computer."""

    name = "cpu"
    clock_mhz = None
    weights = None

    def __init__(self, manifest: Manifest) -> None:
        if manifest.cpu_library is None:
            raise InputError(
                "--backend cpu: this package carries no compiled model (the flow's cppsim stage "
                "makes it); use --backend pynq or --backend sim"
            )
        from driver.cpu import CpuBackend

        path = manifest.checked_path(manifest.cpu_library)
        try:
            self._backend = CpuBackend(path)
        except (OSError, ValueError) as error:
            raise InputError(f"--backend cpu: {path} cannot be used here: {error}") from error
        self._manifest = manifest

    def run(self, images: NDArray[np.uint8]) -> NDArray[np.int32]:
        """Return the scores."""
        self._manifest.input.check(images, "images")
        return self._backend.run(images)

    def counters(self) -> None:
        """Return None: nothing is counted."""
        return

    def load_weights(self, path: Path) -> str:
        """Raise InputError: the weights are compiled in."""
        raise InputError(f"--weights {path}: the model of --backend cpu has fixed weights")

    def close(self) -> None:
        """Do nothing."""


class Hardware(Accelerator):
    """An accelerator that owns its platform."""

    def close(self) -> None:
        """Give the platform back."""
        self._platform.close()


def open_platform(name: str, manifest: Manifest) -> Platform:
    """Return the board, or its simulation: bitstream loaded, clock set.

    Raises InputError where it cannot work here.
    """
    if name == "pynq":
        from driver.platform_pynq import PynqPlatform as Chosen
    elif name == "sim":
        from driver.platform_sim import SimPlatform as Chosen  # type: ignore[assignment]
    elif name == "cpu":
        raise InputError("--doctor: is for --backend pynq or sim; cpu has no hardware to look at")
    else:
        raise InputError(f"--backend: {name} is not known; use one of {', '.join(BACKENDS)}")
    return Chosen(manifest)


def open_backend(
    name: str, manifest: Manifest, batch: int = DEFAULT_BATCH, timeout_s: Optional[float] = None
) -> Backend:
    """Return the backend of that name for the package of `manifest`.

    Raises InputError where it cannot work here, CheckFailed for a wrong bitstream.
    """
    if name == "cpu":
        return Cpu(manifest)
    platform = open_platform(name, manifest)
    try:
        return Hardware(manifest, platform, batch, timeout_s)
    except BaseException:
        platform.close()
        raise
