"""Run one yosys script file: `python -m flow.tools.yosys_script FILE`.

A process of its own: yosys prints, and a failed command ends the interpreter it runs in.
"""

from __future__ import annotations

import sys


def main(argv: list[str]) -> int:
    """Run the script; yosys itself ends the process with status 1 at the first error."""
    if len(argv) != 2:
        sys.stderr.write("usage: python -m flow.tools.yosys_script FILE\n")
        return 2
    try:
        from pyosys import libyosys
    except ImportError as error:
        sys.stderr.write(f"error: pyosys cannot be imported: {error}\n")
        return 2
    libyosys.run_pass(f"script {argv[1]}", libyosys.Design())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
