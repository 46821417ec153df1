"""What the fake Vivado knows of Xilinx's IP: ports, interfaces and properties, no behaviour.

Written after the public documents: PG021 (AXI DMA), PG247 (SmartConnect), PG164 (Processor System
Reset), PG082 (Zynq-7000 PS), PG201 (Zynq UltraScale+ PS), and scripts that name the properties.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Interface:
    """A bus of a cell. `enabled_by`: property that must be 1 for the interface to be there."""

    mode: str  # "Master" or "Slave"
    kind: str  # "axis", "aximm" or "axilite"
    enabled_by: str = ""
    clock: str = ""
    """Clock pin of the cell that has to be connected where the interface is used."""


@dataclass
class Ip:
    vlnv: str
    interfaces: dict[str, Interface]
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    optional_inputs: tuple[str, ...] = ()
    """Inputs that may stay open (of interfaces that are not enabled, with defaults)."""
    properties: dict[str, str] = field(default_factory=dict)
    """CONFIG names without the prefix, with their defaults."""


def smartconnect(slaves: int, masters: int) -> dict[str, Interface]:
    ports = {f"S{k:02d}_AXI": Interface("Slave", "aximm") for k in range(slaves)}
    return {**ports, **{f"M{k:02d}_AXI": Interface("Master", "aximm") for k in range(masters)}}


IPS: dict[str, Ip] = {
    "zynq_ultra_ps_e": Ip(
        "xilinx.com:ip:zynq_ultra_ps_e:3.5",
        {
            "M_AXI_HPM0_FPD": Interface(
                "Master", "aximm", "PSU__USE__M_AXI_GP0", "maxihpm0_fpd_aclk"
            ),
            "M_AXI_HPM1_FPD": Interface(
                "Master", "aximm", "PSU__USE__M_AXI_GP1", "maxihpm1_fpd_aclk"
            ),
            "M_AXI_HPM0_LPD": Interface(
                "Master", "aximm", "PSU__USE__M_AXI_GP2", "maxihpm0_lpd_aclk"
            ),
            "S_AXI_HP0_FPD": Interface("Slave", "aximm", "PSU__USE__S_AXI_GP2", "saxihp0_fpd_aclk"),
        },
        outputs=("pl_clk0", "pl_resetn0"),
        optional_inputs=(
            "maxihpm0_fpd_aclk",
            "maxihpm1_fpd_aclk",
            "maxihpm0_lpd_aclk",
            "saxihp0_fpd_aclk",
        ),
        properties={
            "PSU__USE__M_AXI_GP0": "1",
            "PSU__USE__M_AXI_GP1": "1",
            "PSU__USE__M_AXI_GP2": "0",
            "PSU__USE__S_AXI_GP2": "0",
            "PSU__MAXIGP0__DATA_WIDTH": "128",
            "PSU__SAXIGP2__DATA_WIDTH": "128",
            "PSU__FPGA_PL0_ENABLE": "1",
            "PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ": "100",
            "PSU__OVERRIDE__BASIC_CLOCK": "0",
        },
    ),
    "processing_system7": Ip(
        "xilinx.com:ip:processing_system7:5.5",
        {
            "M_AXI_GP0": Interface("Master", "aximm", "PCW_USE_M_AXI_GP0", "M_AXI_GP0_ACLK"),
            "S_AXI_HP0": Interface("Slave", "aximm", "PCW_USE_S_AXI_HP0", "S_AXI_HP0_ACLK"),
        },
        outputs=("FCLK_CLK0", "FCLK_RESET0_N"),
        optional_inputs=("M_AXI_GP0_ACLK", "S_AXI_HP0_ACLK"),
        properties={
            "PCW_USE_M_AXI_GP0": "0",
            "PCW_USE_S_AXI_HP0": "0",
            "PCW_S_AXI_HP0_DATA_WIDTH": "64",
            "PCW_EN_CLK0_PORT": "0",
            "PCW_EN_RST0_PORT": "0",
            "PCW_FPGA0_PERIPHERAL_FREQMHZ": "50",
            "PCW_OVERRIDE_BASIC_CLOCK": "0",
        },
    ),
    "axi_dma": Ip(
        "xilinx.com:ip:axi_dma:7.1",
        {
            "S_AXI_LITE": Interface("Slave", "axilite", "", "s_axi_lite_aclk"),
            "M_AXI_SG": Interface("Master", "aximm", "c_include_sg"),
            "M_AXI_MM2S": Interface("Master", "aximm", "c_include_mm2s", "m_axi_mm2s_aclk"),
            "M_AXI_S2MM": Interface("Master", "aximm", "c_include_s2mm", "m_axi_s2mm_aclk"),
            "M_AXIS_MM2S": Interface("Master", "axis", "c_include_mm2s"),
            "S_AXIS_S2MM": Interface("Slave", "axis", "c_include_s2mm"),
        },
        inputs=("s_axi_lite_aclk", "m_axi_mm2s_aclk", "m_axi_s2mm_aclk", "axi_resetn"),
        outputs=("mm2s_introut", "s2mm_introut"),
        properties={
            "c_include_sg": "1",
            "c_include_mm2s": "1",
            "c_include_s2mm": "1",
            "c_sg_length_width": "14",
            "c_addr_width": "32",
            "c_m_axi_mm2s_data_width": "32",
            "c_m_axis_mm2s_tdata_width": "32",
            "c_m_axi_s2mm_data_width": "32",
            "c_s_axis_s2mm_tdata_width": "32",
            "c_mm2s_burst_size": "16",
            "c_s2mm_burst_size": "16",
        },
    ),
    "smartconnect": Ip(
        "xilinx.com:ip:smartconnect:1.0",
        smartconnect(1, 1),
        inputs=("aclk", "aresetn"),
        properties={"NUM_SI": "1", "NUM_MI": "1"},
    ),
    "proc_sys_reset": Ip(
        "xilinx.com:ip:proc_sys_reset:5.0",
        {},
        inputs=("slowest_sync_clk", "ext_reset_in"),
        optional_inputs=("aux_reset_in", "mb_debug_sys_rst", "dcm_locked"),
        outputs=("interconnect_aresetn", "peripheral_aresetn", "mb_reset"),
    ),
}

LITE_PORTS = (
    *("awvalid", "awready", "awaddr", "wvalid", "wready", "wdata", "wstrb", "bvalid", "bready"),
    *("bresp", "arvalid", "arready", "araddr", "rvalid", "rready", "rdata", "rresp"),
)
STREAM_PORTS = ("tvalid", "tready", "tdata", "tlast")


@dataclass
class PsClock:
    """How a PS says which clock it wants, overrides and makes; the PLL, and the preset's clock."""

    wanted: str
    override: str
    made: str
    pll_mhz: float


PS_CLOCKS = {
    "zynq_ultra_ps_e": PsClock(
        "PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ",
        "PSU__OVERRIDE__BASIC_CLOCK",
        "PSU__CRL_APB__PL0_REF_CTRL__ACT_FREQMHZ",
        1499.999985,
    ),
    "processing_system7": PsClock(
        "PCW_FPGA0_PERIPHERAL_FREQMHZ",
        "PCW_OVERRIDE_BASIC_CLOCK",
        "PCW_ACT_FPGA0_PERIPHERAL_FREQMHZ",
        1000.0,
    ),
}
PLLS = {"xck26-sfvc784-2LV-c": 999.99}
"""Parts whose PLL is another one."""
OVERRIDDEN_MHZ = 99.9999
"""What a preset that overrides the clock makes, whatever is asked for."""

# Board part -> settings of its preset that the scripts have to cope with.
PRESETS = {"avnet.com:ultra96v2:part0:1.3": {"PSU__OVERRIDE__BASIC_CLOCK": "1"}}

# Board files that ship with Vivado.
BOARD_PARTS = {
    "xilinx.com:zcu104:part0:1.1": "xczu7ev-ffvc1156-2-e",
    "xilinx.com:zc706:part0:1.4": "xc7z045ffg900-2",
    "xilinx.com:kv260_som:part0:1.3": "xck26-sfvc784-2LV-c",
    "xilinx.com:kv260_som:part0:1.4": "xck26-sfvc784-2LV-c",
}
# Board files of others: known where board.repoPaths or the project names their folder.
ADDED_BOARD_PARTS = {
    "tul.com.tw:pynq-z2:part0:1.0": "xc7z020clg400-1",
    "avnet.com:ultra96v2:part0:1.3": "xczu3eg-sbva484-1-i",
}
# Address windows of the PS masters (UG1085 and UG585).
WINDOWS = {
    "zynq_ultra_ps_e": (0xA000_0000, 0xB000_0000),
    "processing_system7": (0x4000_0000, 0x8000_0000),
}
SEGMENTS = {"axi_dma": ("S_AXI_LITE/Reg",)}
