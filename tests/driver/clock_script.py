"""Run with pynq: what our code and pynq's own make of every whole clock; prints JSON.

Arguments: the folder of the driver, and a JSON list of [cell, ref_mhz, pll_factor, clocks], where
clocks is {asked: closed}.
"""

import json
import sys
import warnings
from pathlib import Path

sys.path.insert(0, sys.argv[1])
sys.path.insert(1, str(Path(__file__).resolve().parent.parent))

import pynq
import pynq.ps
from simulated_ps import SimulatedPs, activate

from driver.platform_pynq import set_clock

warnings.simplefilter("ignore")
rows = []
for cell, ref_mhz, pll_factor, clocks in json.loads(sys.argv[2]):
    activate(pynq, SimulatedPs(cell, pll_factor))
    for asked, closed in clocks.items():
        pynq.Clocks.fclk0_mhz = float(asked)
        alone = pynq.Clocks.fclk0_mhz
        ours = set_clock(pynq, cell, ref_mhz, closed)
        assumed = pynq.Clocks._instance._ref_clk_mhz
        rows.append(
            {
                "asked": float(asked),
                "closed": closed,
                "set": ours,
                "pynq": pynq.Clocks.fclk0_mhz * ref_mhz / assumed,
                "pynq_alone": alone * ref_mhz / assumed,
            }
        )
print(json.dumps(rows))
