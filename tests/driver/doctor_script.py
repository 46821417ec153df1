"""Run in an unzipped package, with pynq: the doctor on a sound board and on broken ones; JSON."""

import contextlib
import io
import json
import shutil
import sys
from pathlib import Path

sys.path[0] = str(Path.cwd())

from driver import doctor, infer
from driver.platform_sim import SimPlatform

PACKAGE = Path.cwd()
SCRATCH = Path(sys.argv[1])
MM2S = 0x00


def call(*arguments, package=PACKAGE):
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(io.StringIO()):
        status = infer.main(["--doctor", "--backend", "sim", "--package", str(package), *arguments])
    return {"status": status, "said": said.getvalue()}


def copy_of_package(name, change):
    folder = SCRATCH / name
    shutil.copytree(str(PACKAGE), str(folder))
    change(folder)
    return folder


def other_identity(folder):
    values = json.loads((folder / "manifest.json").read_text())
    values["identity"] = "0" + values["identity"][1:] if values["identity"][0] != "0" else "f" * 64
    (folder / "manifest.json").write_text(json.dumps(values))
    import hashlib

    lines = (folder / "SHA256SUMS").read_text().splitlines()
    digest = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    lines = [
        f"{digest}  manifest.json" if line.endswith("  manifest.json") else line for line in lines
    ]
    (folder / "SHA256SUMS").write_text("\n".join(lines) + "\n")


@contextlib.contextmanager
def replaced(owner, name, value):
    kept = getattr(owner, name)
    setattr(owner, name, value)
    yield kept
    setattr(owner, name, kept)


results = {"sound": call("--json"), "sound in words": call()}
damaged = copy_of_package("damaged", lambda folder: (folder / "golden.npz").write_bytes(b"x"))
results["package"] = call("--json", package=damaged)
results["identity"] = call("--json", package=copy_of_package("other", other_identity))
with replaced(SimPlatform, "clock", lambda self: self.server.cycles / (self.clock_mhz * 2e6)):
    results["clock that really runs"] = call("--json")

opened = SimPlatform.__init__


def with_slave_error(self, manifest, seed=1):
    opened(self, manifest, seed)
    self.device.dma.error_faults[MM2S] = 0x20


with replaced(SimPlatform, "__init__", with_slave_error):
    results["DMA transfer"] = call("--json")

golden = doctor.load_golden


def other_scores(manifest):
    found = golden(manifest)
    return found._replace(scores=found.scores + 1)


with replaced(doctor, "load_golden", other_scores):
    results["golden image"] = call("--json")
with replaced(
    SimPlatform,
    "__init__",
    lambda self, manifest: (_ for _ in ()).throw(doctor.DriverError("No Devices Found")),
):
    results["bitstream and clock"] = call("--json")
print(json.dumps(results))
