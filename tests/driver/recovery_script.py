"""Run in an unzipped package, with pynq: break a transfer off at every phase, then run 100 frames.

Argument: how many cycles lie between two phases. Prints JSON: the phases, and those after which the
next frames were wrong.
"""

import contextlib
import json
import sys
from pathlib import Path

sys.path[0] = str(Path.cwd())

import numpy as np

from driver.backends import open_backend
from driver.errors import DriverError
from driver.golden import load_golden
from driver.manifest import load_manifest

FRAMES, BATCH = 100, 4


class Stopped(BaseException):
    """Ctrl-C at one moment."""


def main():
    step = int(sys.argv[1])
    manifest = load_manifest(Path.cwd())
    golden = load_golden(manifest)
    repeats = -(-FRAMES // len(golden.images))
    images = np.concatenate([golden.images] * repeats)[:FRAMES]
    scores = np.concatenate([golden.scores] * repeats)[:FRAMES]
    backend = open_backend("sim", manifest, BATCH)
    server = backend._platform.server
    looks = backend._dma._await
    wrong, phases = {}, []

    def broken_off(cycles):
        """Replace the first wait of a run: let it go on for `cycles`, then stop."""

        def wait(*arguments):
            backend._dma._await = looks
            server.run_for(cycles)
            raise Stopped

        return wait

    total = int(BATCH * manifest.cycles_per_frame) + 6000
    for phase in range(0, total, step):
        phases.append(phase)
        backend._dma._await = broken_off(phase)
        with contextlib.suppress(Stopped):
            backend.run(images[:BATCH])
        try:
            found = backend.run(images)
        except DriverError as error:
            wrong[phase] = str(error)
            backend.close()
            backend = open_backend("sim", manifest, BATCH)
            server, looks = backend._platform.server, backend._dma._await
            continue
        if not np.array_equal(found, scores):
            wrong[phase] = f"{int((found != scores).any(axis=1).sum())} frames wrong"
    backend.close()
    print(json.dumps({"phases": phases, "wrong": wrong, "frames": FRAMES}))


main()
