"""Report texts in the form Vivado writes them, with figures of one's own."""

from __future__ import annotations

TIMING = """\
Copyright 1986-2022 Xilinx, Inc. All Rights Reserved.
------------------------------------------------------------------------------------
| Tool Version : Vivado v.2022.2 (lin64) Build 3671981
| Command      : report_timing_summary -file timing.rpt
| Device       : {device}
------------------------------------------------------------------------------------

Timing Summary Report

------------------------------------------------------------------------------------------------
| Timer Settings
| --------------
------------------------------------------------------------------------------------------------

  Enable Multi Corner Analysis               :  Yes
  Enable Pessimism Removal                   :  Yes

------------------------------------------------------------------------------------------------
| Design Timing Summary
| ---------------------
------------------------------------------------------------------------------------------------

    WNS(ns)      TNS(ns)  TNS Failing Endpoints  TNS Total Endpoints      WHS(ns)      THS(ns)  \
THS Failing Endpoints  THS Total Endpoints     WPWS(ns)     TPWS(ns)  TPWS Failing Endpoints  \
TPWS Total Endpoints
    -------      -------  ---------------------  -------------------      -------      -------  \
---------------------  -------------------     --------     --------  ----------------------  \
--------------------
     {wns:>6}      {tns:>7}             {failing:>10}                83011        {whs:>5}        \
0.000                      0                83011        1.021        0.000                       \
0                 33021


{verdict}


------------------------------------------------------------------------------------------------
| Clock Summary
| -------------
------------------------------------------------------------------------------------------------

Clock     Waveform(ns)         Period(ns)      Frequency(MHz)
-----     ------------         ----------      --------------
clk_pl_0  {{0.000 2.500}}        5.000           200.000
"""

UTILISATION_ULTRASCALE = """\
Copyright 1986-2022 Xilinx, Inc. All Rights Reserved.
------------------------------------------------------------------------------------
| Command      : report_utilization -file utilization.rpt
| Device       : {device}
| Design State : Routed
------------------------------------------------------------------------------------

Utilization Design Information

1. CLB Logic
------------

+----------------------------+-------+-------+------------+-----------+-------+
|          Site Type         |  Used | Fixed | Prohibited | Available | Util% |
+----------------------------+-------+-------+------------+-----------+-------+
| CLB LUTs                   | {lut} |     0 |          0 |    230400 | 18.24 |
|   LUT as Logic             | 40110 |     0 |          0 |    230400 | 17.41 |
|   LUT as Memory            |  1914 |     0 |          0 |    101760 |  1.88 |
| CLB Registers              | 36733 |     0 |          0 |    460800 |  7.97 |
|   Register as Flip Flop    | 36733 |     0 |          0 |    460800 |  7.97 |
|   Register as Latch        |     {latch} |     0 |          0 |    460800 |  0.00 |
| CARRY8                     |   912 |     0 |          0 |     28800 |  3.17 |
+----------------------------+-------+-------+------------+-----------+-------+
* Warning! LUT value is adjusted to account for LUT combining.


1.1 Summary of Registers by Type
--------------------------------

+-------+--------------+-------------+--------------+
| Total | Clock Enable | Synchronous | Asynchronous |
+-------+--------------+-------------+--------------+
| 0     |            _ |           - |            - |
+-------+--------------+-------------+--------------+


3. BLOCKRAM
-----------

+-------------------+-------+-------+------------+-----------+-------+
|     Site Type     |  Used | Fixed | Prohibited | Available | Util% |
+-------------------+-------+-------+------------+-----------+-------+
| Block RAM Tile    | {bram} |     0 |          0 |       312 | 39.26 |
|   RAMB36/FIFO*    |   121 |     0 |          0 |       312 | 38.78 |
|     RAMB36E2 only |   121 |       |            |           |       |
|   RAMB18          |     3 |     0 |          0 |       624 |  0.48 |
| URAM              |     8 |     0 |          0 |        96 |  8.33 |
+-------------------+-------+-------+------------+-----------+-------+
* Note: Each Block RAM Tile only has one FIFO logic available.


4. ARITHMETIC
-------------

+-----------+------+-------+------------+-----------+-------+
| Site Type | Used | Fixed | Prohibited | Available | Util% |
+-----------+------+-------+------------+-----------+-------+
| DSPs      |    2 |     0 |          0 |      1728 |  0.12 |
+-----------+------+-------+------------+-----------+-------+
"""

UTILISATION_7_SERIES = """\
| Tool Version : Vivado v.2022.2 (lin64) Build 3671981
| Device       : {device}

1. Slice Logic
--------------

+----------------------------+-------+-------+------------+-----------+-------+
|          Site Type         |  Used | Fixed | Prohibited | Available | Util% |
+----------------------------+-------+-------+------------+-----------+-------+
| Slice LUTs*                | {lut} |     0 |          0 |     53200 | 78.99 |
|   LUT as Logic             | 40110 |     0 |          0 |     53200 | 75.39 |
| Slice Registers            | 36733 |     0 |          0 |    106400 | 34.52 |
|   Register as Flip Flop    | 36733 |     0 |          0 |    106400 | 34.52 |
|   Register as Latch        |     {latch} |     0 |          0 |    106400 |  0.00 |
| F7 Muxes                   |   212 |     0 |          0 |     26600 |  0.80 |
+----------------------------+-------+-------+------------+-----------+-------+
* Warning! The Final LUT count is typically lower.


2. Memory
---------

+-------------------+-------+-------+------------+-----------+-------+
|     Site Type     |  Used | Fixed | Prohibited | Available | Util% |
+-------------------+-------+-------+------------+-----------+-------+
| Block RAM Tile    | {bram} |     0 |          0 |       140 | 87.50 |
|   RAMB36/FIFO*    |   121 |     0 |          0 |       140 | 86.43 |
+-------------------+-------+-------+------------+-----------+-------+


3. DSP
------

+----------------+------+-------+------------+-----------+-------+
|    Site Type   | Used | Fixed | Prohibited | Available | Util% |
+----------------+------+-------+------------+-----------+-------+
| DSPs           |    2 |     0 |          0 |       220 |  0.91 |
|   DSP48E1 only |    2 |       |            |           |       |
+----------------+------+-------+------------+-----------+-------+
"""

POWER = """\
| Command          : report_power -file power.rpt

1. Summary
----------

+--------------------------+--------------+
| Total On-Chip Power (W)  | 4.127        |
| Design Power Budget (W)  | Unspecified* |
| Power Budget Margin (W)  | NA           |
| Dynamic (W)              | 3.510        |
| Device Static (W)        | 0.617        |
| Effective TJA (C/W)      | 1.0          |
| Max Ambient (C)          | 95.9         |
| Junction Temperature (C) | 29.1         |
| Confidence Level         | Medium       |
+--------------------------+--------------+
"""


def timing(device: str, wns: str = "0.104", whs: str = "0.010") -> str:
    failing = 0 if float(wns) >= 0 else 412
    verdict = (
        "All user specified timing constraints are met."
        if failing == 0
        else "Timing constraints are not met."
    )
    tns = "0.000" if failing == 0 else "-88.317"
    return TIMING.format(device=device, wns=wns, tns=tns, failing=failing, whs=whs, verdict=verdict)


def utilisation(device: str, latch: int = 0) -> str:
    text = UTILISATION_7_SERIES if device.startswith("xc7") else UTILISATION_ULTRASCALE
    return text.format(device=device, lut=42024, bram="122.5", latch=latch)
