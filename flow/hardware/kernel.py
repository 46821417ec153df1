"""What every kernel has in common: a module whose parameters are the fields of a dataclass."""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Self

Parameters = dict[str, int | str]
"""By the module's own names; a str is a SystemVerilog literal."""


def called(name: str, default: Any = None) -> Any:
    """Declare a field whose parameter is not the field's name in camel case."""
    if default is None:
        return field(metadata={"parameter": name})
    return field(default=default, metadata={"parameter": name})


@dataclass(frozen=True)
class Memory:
    """The shape of a memory whose contents are a file."""

    parameter: str
    """The module's parameter that takes the file's name."""
    suffix: str
    """Ending of the file's name: "weights", "thresholds", "table"."""
    depth: int
    width_bits: int

    @property
    def load_words(self) -> int:
        """The words it takes in a load image: whole words of 32 bits a row."""
        return self.depth * -(-self.width_bits // 32)


@dataclass(frozen=True)
class Kernel(ABC):
    """One module with its parameters."""

    module: ClassVar[str]
    takes_flags: ClassVar[bool] = False
    """Whether padding flags come in beside the data (`in_pad_i`)."""
    gives_flags: ClassVar[bool] = False
    """Whether padding flags go out beside the data (`out_pad_o`)."""
    is_link: ClassVar[bool] = False
    """Whether it is a link of the load chain, through which weights come after reset."""
    plumbing: ClassVar[bool] = False
    """Whether it changes no value."""

    def parameters(self) -> Parameters:
        """Return the parameters but for file names, those derived from fields included."""
        return {_name(each): literal(getattr(self, each.name)) for each in fields(self)}

    @property
    def word(self) -> tuple[int, int]:
        """Lanes and pixels of a word of the map that goes out."""
        raise NotImplementedError(f"{self.module} gives no map")

    def memories(self) -> tuple[Memory, ...]:
        """Return the memories whose contents are files."""
        return ()

    @classmethod
    def of(cls, parameters: Mapping[str, int | str]) -> Self:
        """Return the kernel with the parameters of an instance; what is left out is default."""
        given = {
            each.name: value_of(each.type, parameters[_name(each)])
            for each in fields(cls)
            if _name(each) in parameters
        }
        return cls(**given)


def integer(parameters: Mapping[str, int | str], name: str, default: int = 0) -> int:
    """Return a parameter as a number; "1'b1" is 1."""
    return int(value_of("int", parameters.get(name, default)))


def _name(each: Any) -> str:
    """Return the name of a field's parameter."""
    given: str = each.metadata.get("parameter") or ""
    return given or "".join(part.capitalize() for part in each.name.split("_"))


def literal(value: int | bool | str) -> int | str:
    """Return a value as a parameter: a bool and a str as SystemVerilog literals."""
    if isinstance(value, bool):
        return f"1'b{int(value)}"
    return f'"{value}"' if isinstance(value, str) else value


_BASES = {"b": 2, "d": 10, "h": 16}


def value_of(kind: Any, value: int | str) -> int | bool | str:
    """Read a literal as a field of `kind` ("int", "bool", "str") takes it."""
    if kind == "str":
        return str(value).strip('"')
    if isinstance(value, str):
        _, _, digits = value.partition("'")
        value = int(digits[1:], _BASES[digits[0]]) if digits else int(value)
    return bool(value) if kind == "bool" else value
