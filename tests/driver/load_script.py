"""Run in a package with loadable weights, with pynq: swap them, inject each fault, call again."""

import contextlib
import io
import json
import shutil
import sys
from pathlib import Path

sys.path[0] = str(Path.cwd())

import numpy as np

from driver import infer
from driver.backends import open_backend
from driver.manifest import load_manifest

PACKAGE = Path.cwd()
SCRATCH = Path(sys.argv[1])
MM2S = 0x00
OTHER = ["--weights", str(SCRATCH / "other.bin")]
OTHER_GOLDEN = ["--golden", str(SCRATCH / "other.npz")]
OWN = ["--weights", str(PACKAGE / "weights.bin")]


def call(*arguments, package=PACKAGE):
    """Return exit status and message of one call of the command line."""
    told, said = io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(told), contextlib.redirect_stdout(said):
        status = infer.main([*arguments, "--package", str(package), "--backend", "sim"])
    return {"status": status, "message": told.getvalue().strip(), "said": said.getvalue()}


def changed(name, change, source="other.bin"):
    """Write a changed weight image; return the arguments that load it."""
    data = bytearray((SCRATCH / source).read_bytes())
    (SCRATCH / name).write_bytes(bytes(change(data) or data))
    return ["--weights", str(SCRATCH / name)]


def flip(position):
    def change(data):
        data = bytearray(data)
        data[position] ^= 4
        return bytes(data)

    return change


def copy_of_package(name, change):
    folder = SCRATCH / name
    shutil.copytree(str(PACKAGE), str(folder))
    change(folder)
    return folder


def main():
    results = {}
    manifest = load_manifest(PACKAGE)
    backend = open_backend("sim", manifest, 4)
    dma = backend._platform.device.dma
    backend.close = lambda: None  # shared by the calls below
    infer.open_backend = lambda name, manifest, batch, timeout: backend
    results["sound"] = call("--check")
    results["swap"] = call(*OTHER, *OTHER_GOLDEN, "--check")
    results["swap, without golden"] = call(*OTHER, "--check")
    results["swap, golden of the package"] = call(
        *OTHER, "--check", "--golden", str(PACKAGE / "golden.npz")
    )
    results["golden without check"] = call(*OTHER_GOLDEN, "--throughput")
    dma.packet_faults.append(lambda data: b"")
    results["fault after the swap"] = call(*OTHER_GOLDEN, "--check")
    results["fault after the swap"]["next"] = call(*OTHER_GOLDEN, "--check")
    results["swap back"] = call(*OWN, "--check")

    files = {
        "no image": changed("text.bin", lambda data: b"these are no weights"),
        "no file": ["--weights", str(SCRATCH / "none.bin")],
        "other version": changed("version.bin", flip(4)),
        "other shapes": ["--weights", str(SCRATCH / "shapes.bin")],
        "truncated": changed("truncated.bin", lambda data: data[:-5]),
        "flipped bit": changed("flipped.bin", flip(60)),
        "flipped hash": changed("hash.bin", flip(20)),
    }
    for name, arguments in files.items():
        results[name] = call(*arguments, "--check")
        results[name]["next"] = call("--check")

    def on_the_way(change):
        dma.packet_faults.append(change)
        return call(*OTHER, *OTHER_GOLDEN, "--check")

    def error_bit(bit):
        dma.error_faults[MM2S] = bit
        return call(*OTHER, *OTHER_GOLDEN, "--check")

    faults = {
        "bit flipped on the way": lambda: on_the_way(flip(70)),
        "magic changed on the way": lambda: on_the_way(flip(0)),
        "version changed on the way": lambda: on_the_way(flip(4)),
        "count changed on the way": lambda: on_the_way(flip(8)),
        "hash changed on the way": lambda: on_the_way(flip(20)),
        "truncated on the way": lambda: on_the_way(lambda data: data[:64]),
        "nothing on the way": lambda: on_the_way(lambda data: b""),
        "slave error": lambda: error_bit(0x20),
    }
    for name, inject in faults.items():
        results[name] = inject()
        results[name]["next"] = call("--check")

    # Loading fails for the package's own weights as well: the next call begins anew.
    dma.packet_faults += [flip(70), flip(70)]
    results["twice"] = call(*OTHER, *OTHER_GOLDEN, "--check")
    results["twice"]["next"] = call("--check")
    backend._platform.close()
    infer.open_backend = open_backend

    def replaced(folder):
        shutil.copyfile(str(SCRATCH / "other.bin"), str(folder / "weights.bin"))

    def damaged(folder):
        data = (PACKAGE / "weights.bin").read_bytes()
        (folder / "weights.bin").write_bytes(flip(70)(data))

    for name, change in (("package, other weights", replaced), ("package, damaged", damaged)):
        results[name] = call("--check", package=copy_of_package(name, change))
        results[name]["next"] = call("--check")
    with np.load(str(PACKAGE / "golden.npz")) as golden:
        results["images"] = len(golden["images"])
    print(json.dumps(results))


main()
