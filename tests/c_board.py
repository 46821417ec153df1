"""The C driver on the simulated board: its accesses to registers become messages (c/trap.c)."""

from __future__ import annotations

import mmap
import os
import struct
import subprocess
from pathlib import Path

from driver_packages import SCRIPTS

from driver.axi_dma_model import AxiDmaModel
from driver.sim_server import SimServer

MEMORY_BYTES = 1 << 18
PHYSICAL = 0x1000_0000
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O2")
TRAP = SCRIPTS / "c" / "trap.c"
_ACCELERATOR, _DMA = range(2)
_MESSAGE = struct.Struct("<4I")


def compile_c(output: Path, *arguments: str | Path) -> Path:
    """Compile as strictly as the driver promises to be written; fail with what gcc says."""
    done = subprocess.run(
        ["gcc", *STRICT, "-o", str(output), *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    return output


class SharedMemory:
    """The memory that the DMA reaches: a file, which the driver maps, too."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(b"\xa5" * MEMORY_BYTES)
        with path.open("r+b") as file:
            self._view = memoryview(mmap.mmap(file.fileno(), MEMORY_BYTES))

    def find(self, address: int, nbytes: int) -> memoryview | None:
        offset = address - PHYSICAL
        if offset < 0 or offset + nbytes > MEMORY_BYTES:
            return None
        return self._view[offset : offset + nbytes]


class CBoard:
    """A simulated accelerator with its DMA, and UIO devices in a folder that lead to them."""

    def __init__(self, simulator: Path, folder: Path) -> None:
        self.root = folder
        (folder / "dev").mkdir(parents=True)
        sizes = {"uio0": (0xA000_0000, 4096), "uio1": (0xA001_0000, 4096)}
        for name, (address, size) in {**sizes, "uio2": (PHYSICAL, MEMORY_BYTES)}.items():
            maps = folder / "sys" / "class" / "uio" / name / "maps" / "map0"
            maps.mkdir(parents=True)
            (maps / "addr").write_text(f"0x{address:x}\n")
            (maps / "size").write_text(f"0x{size:x}\n")
            (folder / "dev" / name).write_bytes(bytes(4096))
        self.memory = folder / "dev" / "uio2"
        self._server = SimServer(simulator)
        self.dma = AxiDmaModel(self._server, SharedMemory(self.memory))
        self.accesses = 0

    def close(self) -> None:
        self._server.close()

    def run(self, *argv: str | Path, preload: Path | None = None) -> subprocess.CompletedProcess:
        """Run a program on this board until it ends."""
        ask, to_board = os.pipe()
        from_board, answer = os.pipe()
        env = {**os.environ, "BOARD_IN": str(from_board), "BOARD_OUT": str(to_board)}
        env["BOARD_ROOT"] = str(self.root)
        if preload is not None:
            env["LD_PRELOAD"] = str(preload)
        out, err = self.root / "stdout", self.root / "stderr"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                [str(word) for word in argv],
                env=env,
                pass_fds=(from_board, to_board),
                stdout=stdout,
                stderr=stderr,
            )
            os.close(to_board)
            os.close(from_board)
            try:
                while message := os.read(ask, _MESSAGE.size):
                    os.write(answer, struct.pack("<I", self._serve(*_MESSAGE.unpack(message))))
            finally:
                os.close(ask)
                os.close(answer)
                process.wait(timeout=60)
        return subprocess.CompletedProcess(
            argv, process.returncode, out.read_text(), err.read_text()
        )

    def _serve(self, region: int, offset: int, value: int, written: int) -> int:
        self.accesses += 1
        part = {_ACCELERATOR: self._server, _DMA: self.dma}[region]
        if written:
            part.write(offset, value)
            return 0
        return part.read(offset)
