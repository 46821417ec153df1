"""What a record or a bug report says about the place: board, image, versions, power sensors."""

from __future__ import annotations

import platform
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, Dict, List, Optional, Type

_PERIOD_S = 0.1


def surroundings(root: Path = Path("/")) -> Dict[str, Any]:
    """Return where this runs; what cannot be found is None."""
    return {
        "board_found": _text(root / "proc/device-tree/model"),
        "pynq_board": _text(root / "proc/device-tree/chosen/pynq_board"),
        "image": _image(root / "etc/os-release"),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "pynq": _version("pynq"),
        "numpy": _version("numpy"),
    }


class PowerMeter:
    """Averages what the board's power sensors say while a `with` block runs.

    Sensors are Linux' own (hwmon, power*_input in microwatt): KV260's ina260, ZCU104's regulators.
    """

    def __init__(self, root: Path = Path("/sys/class/hwmon")) -> None:
        self._files = {
            f"{_text(path.parent / 'name') or path.parent.name}/{path.name[: -len('_input')]}": path
            for path in sorted(root.glob("hwmon*/power*_input"))
        }
        self._samples: Dict[str, List[float]] = {name: [] for name in self._files}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> PowerMeter:
        """Start to sample."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        """Stop."""
        self._ended.set()
        self._thread.join()

    def watts(self) -> Dict[str, float]:
        """Return the mean of every sensor that answered; empty where the board has none."""
        return {
            name: round(sum(values) / len(values), 3)
            for name, values in self._samples.items()
            if values
        }

    def _sample(self) -> None:
        while True:
            for name, path in self._files.items():
                text = _text(path)
                if text is not None and text.isdigit():
                    self._samples[name].append(int(text) / 1e6)
            if self._ended.wait(_PERIOD_S):
                return


def _text(path: Path) -> Optional[str]:
    try:
        return path.read_bytes().decode(errors="replace").strip("\0\n ") or None
    except OSError:
        return None


def _image(path: Path) -> Optional[str]:
    for line in (_text(path) or "").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip('"')
    return None


def _version(name: str) -> Optional[str]:
    module = sys.modules.get(name)
    return None if module is None else str(getattr(module, "__version__", "unknown"))
