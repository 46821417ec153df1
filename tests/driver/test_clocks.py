"""The accelerator's clock: planned, closed, set and read back as one number, never above it."""

from __future__ import annotations

import json
import subprocess
import types
from collections.abc import Callable
from pathlib import Path

import pytest
from driver_packages import PYNQ_VERSIONS
from hypothesis import given
from hypothesis import strategies as st
from simulated_ps import CRF_APB, CRL_APB, SLCR, SimulatedPs

from driver.clocks import MAX_DIVISOR, TOLERANCE, PsRegisters, pl_clock
from driver.errors import DriverError
from driver.platform_pynq import set_clock
from flow.board import all_boards, find_board
from flow.deploy.pynq_environment import check_pynq, pynq_python
from flow.errors import FlowError, UserError

SCRIPT = Path(__file__).parent / "clock_script.py"
ROOT = Path(__file__).parents[2]
ASKED = range(50, 301)
ZYNQ, ULTRASCALE = "processing_system7", "zynq_ultra_ps_e"
REFUSED_ABOVE = 1.005
"""What the driver allowed when it left the divisors to pynq."""


@pytest.fixture(scope="module", params=PYNQ_VERSIONS)
def found(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[dict[str, float]]]:
    """Board -> a row for every whole clock, from one version of the real pynq."""
    boards = all_boards()
    wanted = [
        [
            board.ps.cell,
            board.ps.clock.ref_mhz,
            board.ps.clock.pll_factor,
            {str(mhz): board.clock_mhz(mhz) for mhz in ASKED},
        ]
        for board in boards
    ]
    try:
        command = pynq_python(request.param)
        check_pynq(command, tmp_path_factory.mktemp("pynq") / "log")
    except (FlowError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"pynq {request.param} cannot be had: {str(error).splitlines()[0]}")
    argv = [*command, str(SCRIPT), str(ROOT), json.dumps(wanted)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=300, cwd="/")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout.splitlines()[-1])
    assert len(rows) == len(boards) * len(ASKED)
    return {board.id: rows[k * len(ASKED) : (k + 1) * len(ASKED)] for k, board in enumerate(boards)}


@pytest.mark.parametrize("board_id", [board.id for board in all_boards()])
def test_pynq_runs_every_whole_clock_as_vivado_closed_it(
    board_id: str, found: dict[str, list[dict[str, float]]]
) -> None:
    for row in found[board_id]:
        assert row["set"] == pytest.approx(row["closed"], abs=2e-6), row
        assert row["set"] <= row["closed"] + 2e-6 <= row["asked"] * (1 + TOLERANCE) + 2e-6, row
        # pynq's own reading of the same registers, at the board's own reference clock
        assert row["pynq"] == pytest.approx(row["set"], rel=1e-6), row


def test_left_to_itself_pynq_runs_faster_than_was_closed(
    found: dict[str, list[dict[str, float]]],
) -> None:
    """Why the divisors are set here: 200 MHz became 214 MHz, and was refused, on two boards."""
    rows = {row["asked"]: row for row in found["zcu104"]}
    assert rows[200.0]["pynq_alone"] == pytest.approx(214.2857, abs=1e-3)
    refused = [row for row in rows.values() if row["pynq_alone"] > row["asked"] * REFUSED_ABOVE]
    assert len(refused) > 100
    # ZC706: pynq takes its 33.33 MHz for 50 MHz.
    slow = {row["asked"]: row for row in found["zc706"]}[100.0]
    assert slow["pynq_alone"] == pytest.approx(66.667, abs=0.01)


def test_the_table_in_the_docs_is_what_the_boards_make() -> None:
    text = (ROOT / "docs" / "boards.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|\n").split("|")]
        for line in text.partition("| asked, MHz |")[2].partition("\n\n")[0].splitlines()
    ]
    names, table = rows[0], rows[2:]
    assert sorted(filter(None, names)) == sorted(board.name for board in all_boards())
    assert len(table) >= 8
    for asked, *cells in table:
        for name, cell in zip(filter(None, names), cells, strict=True):
            assert cell == f"{find_board(name).clock_mhz(float(asked)):.6g}"


def test_every_default_clock_is_one_that_the_board_makes() -> None:
    for board in all_boards():
        assert board.clock_mhz() == pytest.approx(board.default_clock_mhz, rel=TOLERANCE)
    assert find_board("ZCU104").clock_mhz(200) == 187.499998


def test_a_clock_below_the_divisors_is_refused_with_the_lowest() -> None:
    with pytest.raises(UserError, match=r"clock_mhz = 0.2: a PLL of 1500 MHz makes no clock below"):
        find_board("ZCU104").clock_mhz(0.2)
    with pytest.raises(ValueError, match="no clock below"):
        pl_clock(1000, float("nan"))


PRODUCTS = sorted({a * b for a in range(1, MAX_DIVISOR + 1) for b in range(1, MAX_DIVISOR + 1)})


@given(st.floats(400, 2000), st.floats(1, 600))
def test_no_pair_of_divisors_comes_closer(source: float, limit: float) -> None:
    chosen = pl_clock(source, limit)
    assert chosen.mhz == round(source / (chosen.div0 * chosen.div1), 6)
    best = next(p for p in PRODUCTS if source / p <= limit * (1 + TOLERANCE))
    assert chosen.div0 * chosen.div1 == best


def registers(cell: str, factor: float = 30) -> tuple[PsRegisters, SimulatedPs]:
    ps = SimulatedPs(cell, factor)
    if cell == ULTRASCALE:
        ps.set(CRL_APB, 0xC0, ps.get(CRL_APB, 0xC0) | 1 << 24)  # switched on
    return PsRegisters(cell, 33.333333, ps.open), ps


def test_the_source_is_the_pll_that_the_registers_name() -> None:
    found, ps = registers(ZYNQ)
    assert found.source_mhz() == pytest.approx(1000, abs=0.01)
    ps.set(SLCR, 0x100, 40 << 12)
    ps.set(SLCR, 0x170, 2 << 4 | 8 << 8 | 2 << 20)
    assert found.source_mhz() == pytest.approx(1333.333, abs=0.01)
    assert (found.divisors(), found.pl_clock_mhz()) == ((8, 2), pytest.approx(83.333, abs=1e-3))
    found, ps = registers(ULTRASCALE, 45)
    assert found.pl_clock_mhz() == pytest.approx(100, abs=0.01)
    # RPLL with a fraction, then DPLL, which comes through a divisor of its own
    ps.set(CRL_APB, 0x30, 70 << 8 | 1 << 16)
    ps.set(CRL_APB, 0x38, 1 << 31 | 0x8000)
    ps.set(CRL_APB, 0xC0, 1 << 24 | 1 << 16 | 10 << 8 | 2)
    assert found.source_mhz() == pytest.approx(33.333333 * 70.5 / 2)
    ps.set(CRF_APB, 0x2C, 64 << 8 | 1 << 16)
    ps.set(CRF_APB, 0x4C, 2 << 8)
    ps.set(CRL_APB, 0xC0, 1 << 24 | 1 << 16 | 10 << 8 | 3)
    assert found.source_mhz() == pytest.approx(33.333333 * 64 / 4)


@pytest.mark.parametrize(
    ("cell", "base", "offset", "value", "message"),
    [
        (ULTRASCALE, CRL_APB, 0xC0, 15 << 8 | 1 << 16, "is switched off"),
        (ULTRASCALE, CRL_APB, 0xC0, 1 << 24 | 15 << 8 | 1 << 16 | 5, "source 5, which is no PLL"),
        (ULTRASCALE, CRL_APB, 0x20, 90 << 8 | 1 << 16 | 4 << 20, "not run on the PS reference"),
        (ULTRASCALE, CRL_APB, 0x20, 90 << 8 | 1 << 16 | 8, "in reset or bypassed"),
        (ULTRASCALE, CRL_APB, 0xC0, 1 << 24 | 1 << 16, "the divisors 0 and 1; 0 stops it"),
        (ZYNQ, SLCR, 0x108, 30 << 12 | 1 << 4, "in reset or bypassed"),
        (ZYNQ, SLCR, 0x108, 0, "in reset or bypassed"),
    ],
)
def test_a_clock_that_stands_still_is_named(
    cell: str, base: int, offset: int, value: int, message: str
) -> None:
    found, ps = registers(cell)
    ps.set(base, offset, value)
    with pytest.raises(DriverError, match=message):
        found.pl_clock_mhz()


def test_an_unknown_ps_is_refused() -> None:
    with pytest.raises(DriverError, match=r"the PS is 'versal_cips'; this driver knows"):
        PsRegisters("versal_cips", 33.3, SimulatedPs(ZYNQ, 30).open)


def fake_pynq(ps: SimulatedPs, write: Callable[[int, int, int], None]) -> types.SimpleNamespace:
    return types.SimpleNamespace(MMIO=ps.open, Clocks=types.SimpleNamespace(set_pl_clk=write))


def test_the_registers_are_read_back_and_a_faster_clock_is_refused() -> None:
    ps = SimulatedPs(ZYNQ, 20)
    with pytest.raises(DriverError, match=r"PL clock 0 is 100 MHz after it was set to 50 MHz; tim"):
        set_clock(fake_pynq(ps, lambda index, div0, div1: None), ZYNQ, 50.0, 50.0)


def test_between_two_clocks_none_is_faster_than_both() -> None:
    ps = SimulatedPs(ZYNQ, 20)
    seen = []

    def write(index: int, div0: int, div1: int) -> None:
        """As pynq does it: one divisor after the other."""
        for shift, value in ((8, div0), (20, div1)):
            kept = ps.get(SLCR, 0x170) & ~(0x3F << shift)
            ps.set(SLCR, 0x170, kept | value << shift)
            seen.append(PsRegisters(ZYNQ, 50.0, ps.open).pl_clock_mhz())

    assert set_clock(fake_pynq(ps, write), ZYNQ, 50.0, 125.0) == 125.0
    assert max(seen) == 125.0


def test_what_pynq_refuses_is_passed_on_with_what_to_do() -> None:
    def refuse(index: int, div0: int, div1: int) -> None:
        raise ValueError("Invalid PLL Source")

    with pytest.raises(DriverError, match=r"cannot be set: Invalid PLL Source; restart the board"):
        set_clock(fake_pynq(SimulatedPs(ZYNQ, 20), refuse), ZYNQ, 50.0, 125.0)
