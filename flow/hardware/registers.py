"""The registers of the shell, from `rtl/registers.toml`: addresses, fields, values after reset."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from flow.hardware.sources import RTL_SOURCE_DIR

if TYPE_CHECKING:
    from flow.hardware.design import Design

SOURCE = RTL_SOURCE_DIR.parent / "registers.toml"
WORD_BITS = 32
SPAN = 0x1000
"""Bytes of the address space: what the 12 address bits of the shell reach."""


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RegisterField(_Data):
    """Neighbouring bits of a register that mean one thing."""

    name: str
    bit: int = Field(ge=0, lt=WORD_BITS, description="The lowest of them.")
    width: int = Field(default=1, ge=1)
    reset: int = 0
    text: str

    @property
    def bits(self) -> str:
        """Return "3", or "10:8"."""
        return f"{self.bit + self.width - 1}:{self.bit}" if self.width > 1 else str(self.bit)


class Register(_Data):
    """One register of one or several 32-bit words."""

    name: str
    address: int = Field(ge=0, lt=SPAN, multiple_of=4, description="In bytes, of its first word.")
    words: int = 1
    access: Literal["read-only", "write-only"] = "read-only"
    volatile: bool = Field(default=False, description="Whether hardware changes it.")
    value: int | Literal["design"] | None = Field(default=None, description="Of a constant.")
    undefined: bool = Field(default=False, description="Whether it has no value after reset.")
    text: str
    fields: tuple[RegisterField, ...] = ()


class LoadError(_Data):
    """Why the loader refused a load image."""

    name: str
    code: int
    text: str


class LoadHeader(_Data):
    """The header of a load image."""

    magic: int
    version: int
    hash_word: int
    header_words: int
    error: tuple[LoadError, ...]


class RegisterMap(_Data):
    """The contents of registers.toml."""

    registers: tuple[Register, ...]
    load: LoadHeader

    def __getitem__(self, name: str) -> Register:
        """Return a register by its name; KeyError for another."""
        return {register.name: register for register in self.registers}[name]

    def constant(self, name: str) -> int:
        """Return the value of a register that is the same in every accelerator.

        TypeError for another one.
        """
        value = self[name].value
        if not isinstance(value, int):
            raise TypeError(f"registers.toml: {name} has no fixed value")
        return value


class Word(NamedTuple):
    """One word of the address space, as software and IP-XACT see it."""

    name: str
    offset: int
    register: Register
    """What it is part of."""
    reset: int | None
    """Its value after reset; None where there is none."""


@cache
def register_map() -> RegisterMap:
    """Return the file's contents; ValueError where two registers share an address."""
    read = tomllib.loads(SOURCE.read_text(encoding="utf-8"))
    found = RegisterMap(registers=read["register"], load=read["load"])
    taken: dict[int, str] = {}
    for register in found.registers:
        for word in range(register.words):
            address = register.address + 4 * word
            if address in taken:
                raise ValueError(f"{register.name}: 0x{address:03X} is {taken[address]}")
            taken[address] = register.name
        used = [field.bit + k for field in register.fields for k in range(field.width)]
        if len(set(used)) != len(used) or any(bit >= WORD_BITS for bit in used):
            raise ValueError(f"{register.name}: two fields share a bit, or one lies outside")
    return found


def words_of(found: RegisterMap, design: Design) -> Iterator[Word]:
    """Yield every word of the registers of `design`, in the order of their addresses.

    A register of two words is a low and a high one, a longer one is numbered.
    """
    values = {
        "capabilities": [int(bool(design.shell.load_words))],
        "identity": [int(design.identity[8 * k : 8 * k + 8], 16) for k in range(8)],
        "load_words": [design.shell.load_words],
    }
    for register in sorted(found.registers, key=lambda each: each.address):
        for k in range(register.words):
            reset: int | None = sum(field.reset << field.bit for field in register.fields)
            if register.undefined:
                reset = None
            elif register.value == "design":
                reset = values[register.name][k]
            elif register.value is not None:
                reset = register.value
            suffixes = {1: [""], 2: ["_low", "_high"]}.get(register.words)
            name = register.name + (suffixes[k] if suffixes else f"_{k}")
            yield Word(name, register.address + 4 * k, register, reset)
