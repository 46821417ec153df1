"""Run in an unzipped package, with pynq: many images with random stalls on both DMA streams."""

import json
import sys
from pathlib import Path

sys.path[0] = str(Path.cwd())

import numpy as np

from driver.backends import open_backend
from driver.interface import STATUS_BUSY
from driver.manifest import load_manifest

images_file, scores_file, in_percent, out_percent, batch = sys.argv[1:]
backend = open_backend("sim", load_manifest(Path.cwd()), int(batch))
backend._platform.server.stall(int(in_percent), int(out_percent), 5)
scores = backend.run(np.load(images_file))
counted = backend.counters()
wanted = np.load(scores_file)
print(
    json.dumps(
        {
            "wrong": [int(k) for k in np.flatnonzero((scores != wanted).any(axis=1))],
            "images": len(scores),
            "busy": bool(backend._registers.status() & STATUS_BUSY),
            "counters": counted._asdict(),
            "cycles_per_frame": counted.cycles_per_frame,
        }
    )
)
backend.close()
