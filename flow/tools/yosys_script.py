"""Run one yosys script file: `python -m flow.tools.yosys_script FILE`.

A process of its own: yosys prints, and a failed command ends the interpreter it runs in. Beside
yosys' commands, one a line, a script may say `where SELECTION: COMMAND`: the command runs only
where the selection holds something.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path


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
    design = libyosys.Design()
    for line in Path(argv[1]).read_text(encoding="utf-8").splitlines():
        condition = re.fullmatch(r"where (\S+): (.*)", line)
        if condition is not None:
            libyosys.run_pass(f"select -count {condition[1]}", design)
            if design.scratchpad_get_int("select.count", 0) == 0:
                continue
        libyosys.run_pass(condition[2] if condition is not None else line, design)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
