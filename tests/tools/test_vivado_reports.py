"""Reports in the form Vivado writes them become numbers; another form is an error, not a guess."""

from __future__ import annotations

import pytest
from mock_tools.vivado_reports_text import POWER, timing, utilisation

from flow.errors import CheckFailed
from flow.tools.vivado_reports import (
    critical_warnings,
    how_to_waive,
    inferred_latches,
    parse_power,
    parse_timing,
    parse_utilisation,
    waived_warnings,
)

US, Z7 = "xczu7ev-ffvc1156-2-e", "xc7z020clg400-1"


def test_the_timing_summary_is_read_by_its_columns() -> None:
    met = parse_timing(timing(US))
    assert (met.wns_ns, met.tns_ns, met.failing_endpoints, met.whs_ns, met.wpws_ns) == (
        0.104,
        0.0,
        0,
        0.010,
        1.021,
    )
    missed = parse_timing(timing(US, wns="-0.412"))
    assert (missed.wns_ns, missed.tns_ns, missed.failing_endpoints) == (-0.412, -88.317, 412)


def test_a_design_without_a_clock_has_no_timing() -> None:
    with pytest.raises(CheckFailed, match="the design has no clock"):
        parse_timing(timing(US).replace(" 0.104 ", "    NA "))
    with pytest.raises(CheckFailed, match="no design timing summary"):
        parse_timing("Timing Summary Report\n")


def test_utilisation_of_ultrascale() -> None:
    used = parse_utilisation(utilisation(US))
    assert (used["lut"].used, used["lut"].available) == (42024, 230400)
    assert used["ff"].used == 36733
    assert used["bram36"].used == 122.5
    assert used["uram"].used == 8
    assert (used["dsp"].used, used["latch"].used) == (2, 0)
    assert used["bram36"].share == pytest.approx(122.5 / 312)


def test_utilisation_of_the_7_series_has_other_names_and_no_uram() -> None:
    used = parse_utilisation(utilisation(Z7, latch=1))
    assert (used["lut"].used, used["lut"].available) == (42024, 53200)
    assert used["uram"].used == 0
    assert used["latch"].used == 1


def test_columns_are_found_by_name_so_an_older_report_without_prohibited_is_read() -> None:
    lines = []
    for line in utilisation(US).splitlines():
        cells = line.split("|")
        lines.append("|".join(cells[:4] + cells[5:]) if len(cells) == 8 else line)
    assert parse_utilisation("\n".join(lines))["lut"].available == 230400


def test_a_missing_row_is_named() -> None:
    with pytest.raises(CheckFailed, match="no row Block RAM Tile"):
        parse_utilisation(utilisation(US).replace("Block RAM Tile", "Memory Tile"))


def test_power_is_read() -> None:
    power = parse_power(POWER)
    assert (power.total_w, power.dynamic_w, power.static_w) == (4.127, 3.510, 0.617)
    with pytest.raises(CheckFailed, match="no row Total On-Chip Power"):
        parse_power("nothing")


def test_critical_warnings_are_counted_unless_a_waiver_says_why_not() -> None:
    log = (
        "CRITICAL WARNING: [Synth 8-6859] multi-driven net on pin q\n"
        "CRITICAL WARNING: [Synth 8-6859] multi-driven net on pin q\n"
        "CRITICAL WARNING: [PSU-1]  Parameter : PCW_UIPARAM_DDR_DQS_TO_CLK_DELAY_0 has negative "
        "value -0.050 . PS DDR interfaces might fail when entering negative DQS skew values.\n"
        "WARNING: [Synth 8-7080] Parallel synthesis criteria is not met\n"
    )
    found = critical_warnings(log, waived_warnings({}))
    assert found == {"[Synth 8-6859] multi-driven net on pin q": 2}
    assert '--set \'vivado.waive={"Synth 8-6859" = "why"}\'' in how_to_waive(found)
    waived = waived_warnings({"Synth 8-6859": "a reason"})
    assert critical_warnings(log, waived) == {} and how_to_waive([]) == ""
    assert all(len(reason) > 5 for reason in waived.values())


def test_latches_are_named() -> None:
    log = "WARNING: [Synth 8-327] inferring latch for variable 'state_q_reg' [a.sv:3]\n"
    assert inferred_latches(log) == ["state_q_reg"]
