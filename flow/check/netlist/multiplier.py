"""DSP48E1 and DSP48E2 as what the flow's netlists use of them: registers, a product, a sum."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flow.check.netlist.cells import Cell

if TYPE_CHECKING:
    from flow.check.netlist.emit import Text

_PRODUCT = 0b0101  # X and Y are the product; Z, the bits above, is what is added to it
_Z_INPUTS = {0: None, 1: "PCIN", 3: "C"}


def multiplier(cell: Cell, index: int, text: Text) -> list[str]:
    """P = A * B, plus C, or plus PCIN; A and B signed, 25 (E2: 27) by 18 bits, registers as set.

    Any other use is refused.
    """
    wide = 27 if cell.kind == "DSP48E2" else 25
    name = f"dsp{index}"
    for port in ("INMODE", "ALUMODE", "CARRYINSEL", "CARRYIN"):
        cell.insist(cell.tied(port, "0"), f"{port} must be tied to 0")
    for port in ("ACOUT", "BCOUT", "CARRYOUT", "PATTERNDETECT"):
        cell.insist(not cell.has(port), f"{port} is not modelled")
    for parameter, allowed in (
        ("A_INPUT", "DIRECT"),
        ("B_INPUT", "DIRECT"),
        ("AMULTSEL", "A"),
        ("BMULTSEL", "B"),
        ("USE_MULT", "MULTIPLY"),
        ("USE_SIMD", "ONE48"),
        ("USE_DPORT", "FALSE"),
    ):
        cell.insist(cell.word(parameter) in ("", allowed), f"{parameter} must be {allowed}")
    for parameter in ("INMODEREG", "OPMODEREG", "ALUMODEREG", "CARRYINREG", "CARRYINSELREG"):
        cell.insist(cell.number(parameter, 1) == 0, f"{parameter} must be 0")
    operation = cell.bits("OPMODE")
    cell.insist(all(bit in ("0", "1") for bit in operation), "OPMODE must be constant")
    code = int("".join(str(bit) for bit in reversed(operation)), 2)
    adds = _Z_INPUTS.get(code >> 4, "nothing known")
    cell.insist(
        code & 15 == _PRODUCT and adds in (None, "PCIN", "C"), f"OPMODE {code:b} is not modelled"
    )
    lines = [
        f"  logic signed [{wide - 1}:0] {name}_a;",
        f"  logic signed [17:0] {name}_b;",
        f"  logic signed [47:0] {name}_m, {name}_c, {name}_p;",
    ]
    clock = text.bus(cell.bits("CLK"))

    def staged(
        stages: int, kind: str, value: str, target: str, width: int, names: list[str]
    ) -> None:
        """Write `stages` registers between value and target, each with its enable."""
        cell.insist(stages <= len(names), f"{kind}REG={stages}")
        last = value
        for stage in range(stages):
            register = f"{target}_q{stage + 1}"
            enable = text.bus(cell.bits(names[stage + len(names) - stages]))
            reset = text.bus(cell.bits(f"RST{kind}"))
            lines.extend(
                [
                    f"  logic signed [{width - 1}:0] {register};",
                    f"  initial {register} = '0;",
                    f"  always_ff @(posedge {clock}) if ({reset}) {register} <= '0;",
                    f"    else if ({enable}) {register} <= {last};",
                ]
            )
            last = register
        lines.append(f"  assign {target} = {last};")

    a, b = text.bus(cell.bits("A", 30)[:wide]), text.bus(cell.bits("B", 18))
    staged(cell.number("AREG", 1), "A", a, f"{name}_a", wide, ["CEA1", "CEA2"])
    staged(cell.number("BREG", 1), "B", b, f"{name}_b", 18, ["CEB1", "CEB2"])
    product = f"48'({name}_a) * 48'({name}_b)"
    staged(cell.number("MREG", 1), "M", product, f"{name}_m", 48, ["CEM"])
    total = f"{name}_m"
    if adds == "C":
        staged(cell.number("CREG", 1), "C", text.bus(cell.bits("C", 48)), f"{name}_c", 48, ["CEC"])
        total = f"{name}_m + {name}_c"
    elif adds == "PCIN":
        total = f"{name}_m + {text.bus(cell.bits('PCIN', 48))}"
    staged(cell.number("PREG", 1), "P", total, f"{name}_p", 48, ["CEP"])
    for port in ("P", "PCOUT"):
        for place, bit in enumerate(cell.bits(port) if cell.has(port) else ()):
            if isinstance(bit, int):
                lines.append(f"  assign {text.name(bit)} = {name}_p[{place}];")
    return lines
