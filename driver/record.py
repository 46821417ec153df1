"""What was measured on a board, as one JSON that `flow report --boards` tabulates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from driver.surroundings import surroundings

if TYPE_CHECKING:
    from typing import Any, Dict

    from driver.backends import Backend
    from driver.manifest import Manifest
    from driver.surroundings import PowerMeter

RECORD_SCHEMA = 1


def record(
    manifest: Manifest, backend: Backend, measured: Dict[str, Any], batch: int, meter: PowerMeter
) -> Dict[str, Any]:
    """Return the record of a throughput run; `measured` is what the run gave."""
    return {
        "schema": RECORD_SCHEMA,
        "name": manifest.name,
        "board": manifest.board,
        "backend": backend.name,
        "identity": manifest.identity,
        "clock_mhz": backend.clock_mhz,
        "closed_mhz": manifest.clock_mhz,
        "core_fps": measured["core_fps"],
        "end_to_end_fps": measured["end_to_end_fps"],
        "images": measured["images"],
        "batch": batch,
        "power_w": meter.watts(),
        "built_with": manifest.versions,
        "surroundings": surroundings(),
    }
