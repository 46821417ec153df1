"""`infer.py --doctor`: the board step by step, and what to do about the first step that fails.

There is no loopback path in the design: what shows the DMA alone is a frame whose transfer is
counted on both sides (bytes, frames in, frames out), before its scores are compared.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from driver.accelerator import Accelerator
from driver.backends import open_platform
from driver.errors import CheckFailed, DriverError
from driver.golden import first_difference, load_golden
from driver.manifest import SUMS_NAME

if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional

    from driver.accelerator import Platform
    from driver.manifest import Manifest

CLOCK_SPAN_S = 0.5
CLOCK_TOLERANCE = 0.02


class Step(NamedTuple):
    """One step: what it is called, and what to do when it fails."""

    name: str
    run: Callable[[Patient], str]
    next: str


class Patient:
    """What the steps have opened so far."""

    def __init__(self, manifest: Manifest, backend: str, timeout_s: Optional[float]) -> None:
        self.manifest = manifest
        self.backend = backend
        self.timeout_s = timeout_s
        self.platform: Optional[Platform] = None
        self._accelerator: Optional[Accelerator] = None

    @property
    def accelerator(self) -> Accelerator:
        """Return the accelerator that the step "identity" opened."""
        if self._accelerator is None:
            raise DriverError("the accelerator was not opened")
        return self._accelerator

    def open_platform(self) -> Platform:
        """Load the bitstream and set the clock."""
        self.platform = open_platform(self.backend, self.manifest)
        return self.platform

    def open_accelerator(self) -> Accelerator:
        """Check the identity, empty everything, load weights."""
        if self.platform is None:
            raise DriverError("there is no platform")
        self._accelerator = Accelerator(self.manifest, self.platform, 1, self.timeout_s)
        return self._accelerator

    def close(self) -> None:
        """Give everything back."""
        if self.platform is not None:
            self.platform.close()


def _package(patient: Patient) -> str:
    manifest = patient.manifest
    lines = manifest.path(SUMS_NAME).read_text(encoding="utf-8").splitlines()
    names = [name for _, _, name in (line.partition("  ") for line in lines)]
    for name in names:
        manifest.checked_path(name)
    return f"{len(names)} files as {SUMS_NAME} says"


def _bitstream(patient: Patient) -> str:
    platform = patient.open_platform()
    return f"loaded; PL clock set to {platform.clock_mhz:g} MHz"


def _identity(patient: Patient) -> str:
    accelerator = patient.open_accelerator()
    weights = f", weights {accelerator.weights[:12]}" if accelerator.weights else ""
    return f"{patient.manifest.identity[:12]}{weights}"


def _clock(patient: Patient) -> str:
    accelerator, platform = patient.accelerator, patient.platform
    if platform is None:
        raise DriverError("there is no platform")
    found = accelerator.measure_clock(CLOCK_SPAN_S if platform.name == "pynq" else 0.001)
    if abs(found - platform.clock_mhz) > CLOCK_TOLERANCE * platform.clock_mhz:
        raise CheckFailed(
            f"the accelerator counts {found:.3f} MHz by the system's time, its registers say "
            f"{platform.clock_mhz:g} MHz"
        )
    return f"{found:.3f} MHz by the system's time"


def _transfer(patient: Patient) -> str:
    golden = load_golden(patient.manifest)
    patient.accelerator.run(golden.images[:1])
    counted = patient.accelerator.counters()
    if (counted.frames_in, counted.frames_out) != (1, 1):
        raise CheckFailed(
            f"1 frame was sent; the accelerator took {counted.frames_in} and gave "
            f"{counted.frames_out}"
        )
    m = patient.manifest
    return f"{m.in_frame_bytes} bytes out, {m.out_frame_bytes} bytes back, 1 frame in, 1 frame out"


def _golden(patient: Patient) -> str:
    golden = load_golden(patient.manifest)
    difference = first_difference(patient.accelerator.run(golden.images[:1]), golden.scores[:1])
    if difference:
        raise CheckFailed(f"not equal to the golden vectors: {difference}")
    return f"1 image ({golden.source}) bit for bit equal to the golden model"


STEPS = (
    Step("package", _package, "copy and unzip the package again"),
    Step(
        "bitstream and clock",
        _bitstream,
        "do what the message says; if it is the board that refuses: is the image the one of this "
        "board, and does another overlay load?",
    ),
    Step(
        "identity",
        _identity,
        "keep .bit, .hwh and manifest.json of one package together; load it again",
    ),
    Step(
        "clock that really runs",
        _clock,
        "the PS reference of this board is not what board.toml says ([ps.clock] ref_mhz), or "
        "another program changes clocks: restart the board, stop other notebooks",
    ),
    Step(
        "DMA transfer",
        _transfer,
        "stop other programs that use the DMA, restart the board; if it stays: the bitstream's "
        "timing or the memory port (compare [ps] in board.toml with the board)",
    ),
    Step(
        "golden image",
        _golden,
        "build with a lower clock (--set clock_mhz=...): if that helps, it is timing, power or "
        "temperature; if not, send us this report",
    ),
)


def examine(
    manifest: Manifest, backend: str, timeout_s: Optional[float], say: Callable[[str], None]
) -> List[Dict[str, Any]]:
    """Run the steps up to the first that fails; return what each found, with what to do next."""
    patient = Patient(manifest, backend, timeout_s)
    results: List[Dict[str, Any]] = []
    failed = False
    try:
        for step in STEPS:
            if failed:
                results.append({"step": step.name, "status": "not reached"})
                continue
            try:
                found = step.run(patient)
                results.append({"step": step.name, "status": "ok", "found": found})
                say(f"ok      {step.name}: {found}")
            except DriverError as error:
                failed = True
                results.append(
                    {
                        "step": step.name,
                        "status": "failed",
                        "found": str(error),
                        "next": step.next,
                        "exit_status": error.exit_code,
                    }
                )
                say(f"FAILED  {step.name}: {error}")
                say(f"        next: {step.next}")
    finally:
        patient.close()
    return results
