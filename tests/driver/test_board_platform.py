"""What only a board has: bitstream, permission, clock, memory; pynq is a stand-in here."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from board_package import write_package

from driver import infer
from driver.errors import DriverError, InputError
from driver.manifest import load_manifest
from driver.platform_pynq import PynqPlatform


class FakePynq(types.ModuleType):
    """pynq as far as the platform uses it; `found_mhz` is what the clock really becomes."""

    found_mhz: float | None = None

    def __init__(self) -> None:
        super().__init__("pynq")
        self.loaded: list[str] = []
        outer = self

        class Clocks:
            fclk0_mhz = 100.0

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
    assert pynq.Clocks.fclk0_mhz == 200.0
    assert (platform.clock_mhz, platform.bus, platform.dma) == (200.0, "registers", "dma")
    assert platform.allocate(64).shape == (64,)


def test_a_clock_that_became_faster_is_refused(pynq: FakePynq, tmp_path: Path) -> None:
    class Fast:
        fclk0_mhz = property(lambda self: 214.3, lambda self, mhz: None)

    pynq.Clocks = Fast()
    with pytest.raises(DriverError, match=r"214.3 MHz after it was set to 200 MHz"):
        PynqPlatform(load_manifest(write_package(tmp_path)))


def test_a_slower_clock_is_taken_as_it_is(pynq: FakePynq, tmp_path: Path) -> None:
    class Slow:
        fclk0_mhz = property(lambda self: 187.5, lambda self, mhz: None)

    pynq.Clocks = Slow()
    assert PynqPlatform(load_manifest(write_package(tmp_path))).clock_mhz == 187.5


def test_without_permission_the_way_to_get_it_is_said(
    pynq: FakePynq,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert call(write_package(tmp_path), "--throughput") == 2
    assert "no permission to load a bitstream; run as root: sudo -E" in capsys.readouterr().err
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
    with pytest.raises(DriverError, match=r"cannot be loaded: No Devices Found"):
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
    assert call(write_package(tmp_path), "--throughput") == 2
    assert "the pynq package cannot be imported" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": 2}, "has schema 2, this driver reads 4"),
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
