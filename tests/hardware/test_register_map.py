"""What is derived from registers.toml is current, and the driver reads what the file says."""

from __future__ import annotations

from pathlib import Path

import pytest

from driver import interface
from driver.registers import Registers
from flow.hardware import register_map


@pytest.mark.parametrize("path", register_map.derived(), ids=lambda path: path.name)
def test_derived_file_is_current(path: Path) -> None:
    wanted = register_map.derived()[path]
    assert path.read_text() == wanted, "run: python -m flow.hardware.register_map"


def test_two_registers_at_one_address_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = register_map.SOURCE.read_text()
    wrong = tmp_path / "registers.toml"
    wrong.write_text(text.replace("address = 0x044", "").replace("0x040", "0x03C"))
    monkeypatch.setattr(register_map, "SOURCE", wrong)
    with pytest.raises(ValueError, match="last_out: 0x03C is first_out"):
        register_map.register_map.__wrapped__()


def test_a_moved_register_moves_in_every_text() -> None:
    found = {**register_map.register_map()}
    moved = [
        {**register, "address": 0x100} if register["name"] == "load_words" else register
        for register in found["register"]
    ]
    found["register"] = moved
    assert "LoadWordsIndex = 10'h040;" in register_map.registers_sv(found)
    assert "ADDRESS_LOAD_WORDS = 0x100" in register_map.driver_module(found)
    assert "| 0x100 | load words |" in register_map.markdown(found)


def test_the_driver_reads_each_counter_where_the_file_puts_it() -> None:
    class Bus:
        def read(self, offset: int) -> int:
            return offset

        def write(self, offset: int, data: int) -> None: ...

    counters = Registers(Bus()).counters()
    named = {register["name"]: register for register in register_map.register_map()["register"]}
    for name, value in counters._asdict().items():
        address = named[name]["address"]
        wide = named[name].get("words", 1) == 2
        assert value == (((address + 4) << 32) | address if wide else address), name
    assert interface.MAGIC.to_bytes(4, "big") == b"BNNF"
    assert interface.LOAD_MAGIC.to_bytes(4, "little") == b"BNNW"
