"""The simulated accelerator of a package: a program with the compiled RTL, spoken to by pipe."""

from __future__ import annotations

import os
import subprocess
import tempfile
from typing import TYPE_CHECKING, cast

from driver.errors import DriverError, InputError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import IO, List, Tuple


class SimServer:
    """A running simulation; the commands are described in flow/check/axi/server.cpp."""

    def __init__(self, program: Path, seed: int = 1) -> None:
        """Start `program` in its own folder, where its memory images are.

        Raises InputError if it cannot run on this machine.
        """
        argv = [
            str(program.resolve()),
            "+verilator+rand+reset+2",
            "+verilator+seed+{}".format(seed),
        ]
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed by close()
        try:
            if not os.access(str(program), os.X_OK):  # some unzippers forget permissions
                program.chmod(0o755)
            self._process = subprocess.Popen(
                argv,
                cwd=str(program.resolve().parent),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
            )
        except OSError as error:
            self._log.close()
            raise InputError(
                f"{program}: cannot be started here ({error.strerror}); the simulator in a "
                "package runs on the kind of computer it was built on: Linux, x86-64"
            ) from error
        self._stdin = cast("IO[bytes]", self._process.stdin)
        self._stdout = cast("IO[bytes]", self._process.stdout)
        self.cycles = 0
        """Cycles of the accelerator up to the last `run`."""

    def read(self, offset: int) -> int:
        """Read a register of the accelerator."""
        return int(self._ask(f"read {offset}")[0])

    def write(self, offset: int, data: int) -> None:
        """Write a register of the accelerator."""
        self._ask(f"write {offset} {data}")

    def send(self, packet: bytes) -> None:
        """Offer a packet to the accelerator."""
        self._ask(f"send {len(packet)}", packet)

    def receive(self, nbytes: int) -> None:
        """Be ready to take a packet of at most `nbytes`."""
        self._ask(f"receive {nbytes}")

    def run(self, cycles: int) -> Tuple[bool, bool]:
        """Run until a transfer ends, at most `cycles`; return whether each is still under way."""
        cycle, sending, receiving = self._ask(f"run {cycles}")
        self.cycles = int(cycle)
        return sending == "1", receiving == "1"

    def run_for(self, cycles: int) -> None:
        """Run exactly so many cycles, whatever transfers end meanwhile."""
        end = self.cycles
        end += cycles
        while self.cycles < end:
            self.run(end - self.cycles)

    def take(self) -> Tuple[bytes, bool, bool]:
        """Return what was received, whether the packet ended, and whether it was too large."""
        size, last, overflow = self._ask("take")
        return self._stdout.read(int(size)), last == "1", overflow == "1"

    def drop(self) -> None:
        """Forget both transfers."""
        self._ask("drop")

    def prefetch(self, beats: int) -> None:
        """Take so many beats from the accelerator while no transfer is open."""
        self._ask(f"prefetch {beats}")

    def stall(self, in_percent: int, out_percent: int, seed: int) -> None:
        """Make the DMA pause at random, each stream in so many percent of the cycles."""
        self._ask(f"stall {in_percent} {out_percent} {seed}")

    def close(self) -> None:
        """End the simulation."""
        if self._process.poll() is None:
            self._stdin.close()
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._stdout.close()
        self._log.close()

    def _ask(self, command: str, payload: bytes = b"") -> List[str]:
        try:
            self._stdin.write(command.encode() + b"\n" + payload)
            self._stdin.flush()
            answer = self._stdout.readline().decode().split()
        except (OSError, ValueError) as error:
            raise DriverError(f"simulation: {command}: {error}; {self._last_words()}") from error
        if not answer:
            raise DriverError(f"simulation: it ended at `{command}`; {self._last_words()}")
        if answer[0] != "ok":
            raise DriverError(f"simulation: {command}: {' '.join(answer[1:])}")
        return answer[1:]

    def _last_words(self) -> str:
        if self._log.closed:
            return "it was closed"
        self._process.wait(timeout=10)
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").strip().splitlines()
        return "\n".join(lines[-3:]) or f"exit status {self._process.returncode}"
