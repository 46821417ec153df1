"""What a run of Vivado made, kept when critical warnings stop the build.

A warning that may be waived is known only when it comes, after hours. A build with the same scripts
and inputs takes the results from here, and does not run Vivado again, once the waivers cover them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from flow.tools.process import Plan

_KEY, _LOG = "key.json", "log.txt"


class KeptRun:
    """The results of one stage, by the content of everything they depend on."""

    def __init__(
        self, folder: Path, plan: Plan, version: str, inputs: Iterable[Path], results: Sequence[str]
    ) -> None:
        """folder: where they are kept. results: patterns of files below the plan's folder."""
        self._folder = folder
        self._cwd = plan.cwd
        self._results = results
        digest = hashlib.sha256(version.encode())
        for path, text in sorted(plan.files.items()):
            digest.update(f"{path.relative_to(plan.cwd)}\0{text}\0".encode())
        for path in sorted(inputs):
            digest.update(f"{path.name}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        self._key = digest.hexdigest()

    def restore(self, acceptable: Callable[[str], bool]) -> str | None:
        """Put the kept results back if `acceptable` takes their log; return it, None otherwise.

        They are taken away from here: a build that is forced afterwards runs Vivado.
        """
        if not (self._folder / _KEY).is_file():
            return None
        if json.loads((self._folder / _KEY).read_text()) != self._key:
            return None
        log = (self._folder / _LOG).read_text(encoding="utf-8")
        if not acceptable(log):
            return None
        shutil.copytree(self._folder / "files", self._cwd, dirs_exist_ok=True)
        shutil.rmtree(self._folder)
        return log

    def keep(self, log: str) -> None:
        """Keep the results that are in the plan's folder now, and everything Vivado said."""
        if self._folder.exists():
            shutil.rmtree(self._folder)
        for pattern in self._results:
            for path in sorted(self._cwd.glob(pattern)):
                target = self._folder / "files" / path.relative_to(self._cwd)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
        (self._folder / _LOG).write_text(log, encoding="utf-8")
        (self._folder / _KEY).write_text(json.dumps(self._key))
