"""Run in an unzipped package, with pynq: inject each fault, then call again; print JSON."""

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
MM2S, S2MM = 0x00, 0x30


def call(*arguments, package=PACKAGE):
    """Return exit status and message of one call of the command line."""
    told = io.StringIO()
    with contextlib.redirect_stderr(told), contextlib.redirect_stdout(io.StringIO()):
        status = infer.main([*arguments, "--package", str(package), "--backend", "sim"])
    return {"status": status, "message": told.getvalue().strip()}


def copy_of_package(scratch, change):
    """Return a copy of the package after `change` was applied to it."""
    if scratch.exists():
        shutil.rmtree(str(scratch))
    shutil.copytree(str(PACKAGE), str(scratch))
    change(scratch)
    return scratch


def other_identity(folder):
    values = json.loads((folder / "manifest.json").read_text())
    values["identity"] = "0" + values["identity"][1:] if values["identity"][0] != "0" else "f" * 64
    (folder / "manifest.json").write_text(json.dumps(values))


def flip_a_byte(folder):
    data = bytearray((folder / "golden.npz").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "golden.npz").write_bytes(bytes(data))


def main():
    scratch = Path(sys.argv[1])
    manifest = load_manifest(PACKAGE)
    backend = open_backend("sim", manifest, 4)
    platform = backend._platform
    dma, memory = platform.device.dma, platform.device.memory
    backend.close = lambda: None  # shared by all calls of the command line below
    infer.open_backend = lambda name, manifest, batch, timeout: backend
    results = {"sound": call("--check")}

    def lost_memory():
        address = backend._sets[0].scores.device_address
        kept = memory._blocks.pop(address)
        outcome = call("--check", "--images", "4")
        memory._blocks[address] = kept
        return outcome

    def packet(change):
        dma.packet_faults.append(change)
        return call("--check", "--images", "4")

    def error_bit(channel, bit):
        dma.error_faults[channel] = bit
        return call("--check")

    frame = manifest.in_frame_bytes
    faults = {
        "timeout": lambda: packet(lambda data: b""),
        "packet inside a frame": lambda: packet(lambda data: data[:-100]),
        "short read": lambda: packet(lambda data: data[:-frame]),
        "internal error": lambda: error_bit(S2MM, 0x10),
        "slave error": lambda: error_bit(MM2S, 0x20),
        "slave error receiving": lambda: error_bit(S2MM, 0x20),
        "decode error": lost_memory,
        "too large a packet": lambda: packet(lambda data: data + data[:frame]),
    }
    for name, inject in faults.items():
        results[name] = inject()
        results[name]["next"] = call("--check")
    wrong = np.zeros((2, 3, 31, 32), np.uint8)
    np.save(str(scratch / "wrong.npy"), wrong)
    np.save(str(scratch / "float.npy"), np.zeros((2, 32, 32, 3), np.float32))
    for name in ("wrong", "float"):
        results[f"{name} array"] = call("--input", str(scratch / f"{name}.npy"))
        results[f"{name} array"]["next"] = call("--check")
    damaged = copy_of_package(scratch / "damaged", flip_a_byte)
    results["corrupt golden"] = call("--check", package=damaged)
    results["corrupt golden"]["next"] = call("--check")
    results["fixed weights"] = call("--check", "--weights", "other.bin")
    results["fixed weights"]["next"] = call("--check")
    platform.close()
    infer.open_backend = open_backend
    other = copy_of_package(scratch / "other", other_identity)
    results["wrong bitstream"] = call("--check", package=other)
    results["wrong bitstream"]["next"] = call("--check")
    print(json.dumps(results))


main()
