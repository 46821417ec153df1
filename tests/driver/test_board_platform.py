"""What only a board has: bitstream, permission, clock, memory; pynq is a stand-in here."""

from __future__ import annotations

import json
import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from board_package import write_package
from simulated_ps import CRL_APB, SimulatedPs

from driver import infer
from driver.errors import DriverError, InputError
from driver.manifest import MANIFEST_SCHEMA, load_manifest
from driver.platform_pynq import PynqPlatform


class FakePynq(types.ModuleType):
    """pynq as far as the platform uses it, on the registers of a ZCU104's PS."""

    def __init__(self) -> None:
        super().__init__("pynq")
        self.__version__ = "3.0.1"
        self.loaded: list[str] = []
        self.ps = ps = SimulatedPs("zynq_ultra_ps_e", 45)
        self.MMIO = ps.open
        outer = self

        class Clocks:
            @staticmethod
            def set_pl_clk(index: int, div0: int, div1: int) -> None:
                ps.set(CRL_APB, 0xC0, 1 << 24 | div1 << 16 | div0 << 8)

        class Overlay:
            ip_dict = {  # noqa: RUF012
                "bnn_accel_0": {"type": "xilinx.com:module_ref:bnn_accel:1.0"},
                "axi_dma_0": {"type": "xilinx.com:ip:axi_dma:7.1"},
                "zynq": {"type": "xilinx.com:ip:zynq_ultra_ps_e:3.5"},
            }
            bnn_accel_0, axi_dma_0 = "registers", "dma"

            def __init__(self, path: str) -> None:
                outer.loaded.append(path)

        self.Clocks, self.Overlay = Clocks, Overlay
        self.allocate = lambda shape, dtype: np.zeros(shape, dtype)


@pytest.fixture
def pynq(monkeypatch: pytest.MonkeyPatch) -> FakePynq:
    fake = FakePynq()
    monkeypatch.setitem(sys.modules, "pynq", fake)
    monkeypatch.setitem(sys.modules, "pynq.lib", types.ModuleType("pynq.lib"))
    monkeypatch.setitem(sys.modules, "pynq.lib.dma", types.ModuleType("pynq.lib.dma"))
    fake.lib = sys.modules["pynq.lib"]
    fake.lib.dma = sys.modules["pynq.lib.dma"]
    monkeypatch.setattr("os.geteuid", lambda: 0)
    return fake


def call(package: Path, *arguments: str) -> int:
    return infer.main([*arguments, "--package", str(package)])


def test_bitstream_is_loaded_and_the_clock_set(pynq: FakePynq, tmp_path: Path) -> None:
    platform = PynqPlatform(load_manifest(write_package(tmp_path)))
    assert pynq.loaded == [str(tmp_path / "accelerator.bit")]
    assert pynq.ps.get(CRL_APB, 0xC0) == 1 << 24 | 1 << 16 | 8 << 8  # 1,500 MHz / 8
    assert (platform.clock_mhz, platform.bus, platform.dma) == (187.499998, "registers", "dma")
    assert platform.allocate(64).shape == (64,)


def test_with_another_pll_than_planned_the_clock_is_the_next_lower_one(
    pynq: FakePynq, tmp_path: Path
) -> None:
    pynq.ps.set(CRL_APB, 0x20, 60 << 8 | 1 << 16)  # an image that set 1,000 MHz
    platform = PynqPlatform(load_manifest(write_package(tmp_path)))
    assert platform.clock_mhz == pytest.approx(1000 / 6, abs=1e-3)


def test_without_permission_the_way_to_get_it_is_said(
    pynq: FakePynq,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert call(write_package(tmp_path), "--throughput") == 2
    assert (
        "no permission to load a bitstream; run as root: sudo bash run.sh"
        in capsys.readouterr().err
    )
    assert pynq.loaded == []
    monkeypatch.setattr("os.geteuid", lambda: 0)
    PynqPlatform(load_manifest(tmp_path))  # the next call works


def test_a_board_that_refuses_is_named(pynq: FakePynq, tmp_path: Path) -> None:
    manifest = load_manifest(write_package(tmp_path))

    def refuse(error: Exception) -> type:
        def overlay(path: str) -> None:
            raise error

        return overlay

    pynq.Overlay = refuse(RuntimeError("No Devices Found"))
    with pytest.raises(DriverError, match=r"cannot be loaded by pynq 3.0.1: .*No Devices"):
        PynqPlatform(manifest)
    pynq.Overlay = refuse(PermissionError("/dev/mem"))
    with pytest.raises(InputError, match=r"no permission to load .*/dev/mem"):
        PynqPlatform(manifest)


def test_no_memory_for_buffers_is_said(pynq: FakePynq, tmp_path: Path) -> None:
    def none_left(shape: object, dtype: object) -> None:
        raise MemoryError("cma")

    platform = PynqPlatform(load_manifest(write_package(tmp_path)))
    pynq.allocate = none_left
    with pytest.raises(
        DriverError, match=r"no 4,096 bytes of contiguous memory .* smaller --batch"
    ):
        platform.allocate(4096)


def test_a_damaged_bitstream_is_not_loaded(
    pynq: FakePynq, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_package(tmp_path)
    (tmp_path / "accelerator.bit").write_bytes(b"bitz")
    assert call(tmp_path, "--throughput") == 3
    assert "accelerator.bit: is damaged: sha256" in capsys.readouterr().err
    assert pynq.loaded == []


def test_without_pynq_it_says_where_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pynq", None)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert call(write_package(tmp_path), "--throughput") == 2
    said = capsys.readouterr().err
    assert f"the pynq package cannot be imported by {sys.executable}" in said
    assert "the ZCU104 needs PYNQ 2.7" in said


@pytest.mark.parametrize(
    ("kind", "there", "sourced", "told"),
    [
        ("pynq_image", True, False, "start it with: sudo bash run.sh ... (which sources"),
        ("pynq_image", False, False, "so this is not the image of the ZCU104, or one older than"),
        ("kria_ubuntu", False, False, "the ZCU104 needs Ubuntu, then Kria-PYNQ"),
        ("kria_ubuntu", True, False, "start it with: sudo bash run.sh ... (which sources"),
        ("kria_ubuntu", True, True, "the ZCU104 needs Ubuntu, then Kria-PYNQ"),
        ("own_linux", False, False, "the ZCU104 needs Ubuntu, then Kria-PYNQ"),
    ],
)
def test_root_without_pynq_is_told_the_next_step_of_this_board(
    kind: str,
    there: bool,
    sourced: bool,
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`sudo -E` and "no pynq" sent the user from one to the other and back."""
    script = tmp_path / "pynq_venv.sh"
    if there:
        script.touch()
    if sourced:
        monkeypatch.setenv("BNNFLOW_SOURCED", f" {script}")
    monkeypatch.setitem(sys.modules, "pynq", None)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    environment = [] if kind == "own_linux" else [str(script)]
    login = {"kind": kind, "image": "Ubuntu, then Kria-PYNQ", "environment": environment}
    manifest = load_manifest(write_package(tmp_path, login=login))
    with pytest.raises(InputError, match=re.escape(told)):
        PynqPlatform(manifest)


def test_pynq_2_6_is_refused(pynq: FakePynq, tmp_path: Path) -> None:
    pynq.__version__ = "2.6.2"
    with pytest.raises(InputError, match=r"this is pynq 2.6.2; 2.7 is the oldest that works"):
        PynqPlatform(load_manifest(write_package(tmp_path)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": 2}, f"has schema 2, this driver reads {MANIFEST_SCHEMA}"),
        ({"weights": {}}, "an entry is missing or wrong: KeyError"),
        (
            {"weights": {"loadable": True, "file": "w.bin", "sha256": "abc", "words": 3}},
            "an entry is missing or wrong: ValueError(\"weights.sha256 'abc'\")",
        ),
        ({"identity": "xyz"}, "an entry is missing or wrong"),
        ({"class_names": ["cat"]}, "1 class_names for 2 classes"),
        ({"output": {}}, "an entry is missing or wrong: KeyError"),
    ],
)
def test_a_wrong_manifest_is_refused(
    tmp_path: Path, change: dict, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(write_package(tmp_path, **change), "--throughput") == 2
    assert said in capsys.readouterr().err


def test_json_carries_the_error_and_the_status(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(tmp_path / "none", "--check", "--json") == 2
    said = json.loads(capsys.readouterr().out)
    assert said["exit_status"] == 2
    assert "manifest.json: cannot be read" in said["error"]
