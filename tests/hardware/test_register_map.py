"""What is derived from registers.toml is current, and the driver reads what the file says."""

from __future__ import annotations

from pathlib import Path

import pytest

from driver import interface
from driver.registers import Registers
from flow.hardware import register_map, registers


@pytest.mark.parametrize("path", register_map.derived(), ids=lambda path: path.name)
def test_derived_file_is_current(path: Path) -> None:
    wanted = register_map.derived()[path]
    assert path.read_text() == wanted, "run: python -m flow.hardware.register_map"


def read_map(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> registers.RegisterMap:
    (folder / "registers.toml").write_text(text)
    monkeypatch.setattr(registers, "SOURCE", folder / "registers.toml")
    return registers.register_map.__wrapped__()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("address = 0x040", "address = 0x03C", "last_out: 0x03C is first_out"),
        ("address = 0x024", "address = 0x026", "multiple of 4"),
        ("address = 0x0E0", "address = 0x1000", "less than 4096"),
        (
            'name = "load_error", bit = 8',
            'name = "load_error", bit = 4',
            "status: two fields share",
        ),
        (
            "bit = 8, width = 3",
            "bit = 30, width = 3",
            "status: two fields share a bit, or one lies",
        ),
        ('access = "write-only"', 'access = "write"', "access"),
    ],
)
def test_a_map_that_cannot_be_is_refused(
    old: str, new: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = registers.SOURCE.read_text()
    assert text.count(old) == 1
    with pytest.raises(ValueError, match=message):
        read_map(text.replace(old, new), tmp_path, monkeypatch)


def test_a_moved_register_moves_in_every_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = registers.SOURCE.read_text().replace("address = 0x0E0", "address = 0x100")
    found = read_map(text, tmp_path, monkeypatch)
    assert "LoadWordsIndex = 10'h040;" in register_map.registers_sv(found)
    assert "ADDRESS_LOAD_WORDS = 0x100" in register_map.driver_module(found)
    assert "#define BNN_ADDRESS_LOAD_WORDS 0x100u" in register_map.driver_header(found)
    assert "| 0x100 | load words | R |" in register_map.markdown(found)


def test_the_driver_reads_each_counter_where_the_file_puts_it() -> None:
    class Bus:
        def read(self, offset: int) -> int:
            return offset

        def write(self, offset: int, data: int) -> None: ...

    counters = Registers(Bus()).counters()
    for name, value in counters._asdict().items():
        register = registers.register_map()[name]
        address, wide = register.address, register.words == 2
        assert value == (((address + 4) << 32) | address if wide else address), name
    assert interface.MAGIC.to_bytes(4, "big") == b"BNNF"
    assert interface.LOAD_MAGIC.to_bytes(4, "little") == b"BNNW"
