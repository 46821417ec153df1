"""What every kernel has in common: a module whose parameters are the fields of a dataclass.

One file a module. It holds all that is known of the module outside of its SystemVerilog:
parameters, memories, rules that both sides share, what its cost depends on, the geometries that are
measured, and what it computes.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from flow.hardware.stream import Element
from flow.hardware.synthesis.utilisation import NOTHING, Utilisation

Integers = NDArray[np.int64]
Rows = NDArray[np.uint8]
"""A memory's contents: uint8 (depth, ceil(width_bits / 8)), little-endian."""

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
class Features:
    """The memories of a kernel, counted, and the quantities its other LUTs and FFs grow with."""

    memories: Utilisation
    lut: Mapping[str, float]
    ff: Mapping[str, float]

    @classmethod
    def alike(cls, features: Mapping[str, float], memories: Utilisation = NOTHING) -> Self:
        """Return features on which LUTs and FFs depend alike."""
        return cls(memories, features, features)


@dataclass(frozen=True, eq=False)
class Frames:
    """What a stream carries: int64 (N, H, W, C).

    padding: bool of the same shape, where flags go with the stream: what lies in the padding.
    """

    values: Integers
    padding: NDArray[np.bool_] | None = None


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

    @property
    def fit(self) -> str:
        """Name of the cost model's coefficients; geometries of one name are fitted together."""
        return self.module

    @property
    def leading_padding(self) -> int:
        """Words of a frame that come before any input."""
        return 0

    @property
    def loaded(self) -> bool:
        """Whether the contents of its memories are sent in after reset."""
        return False

    def ideal_cycles(self, beats_in: int, beats_out: int) -> int:
        """Return the cycles of a frame if nothing ever waits; one word a cycle at each side."""
        return max(beats_in, beats_out)

    def memories(self) -> tuple[Memory, ...]:
        """Return the memories whose contents are files."""
        return ()

    def features(self, family: str) -> Features:
        """Return what its cost depends on, in a family of devices."""
        raise NotImplementedError(f"{self.module} has no cost model")

    @classmethod
    def measured(cls, family: str) -> list[Self]:
        """Return the geometries that yosys measures for the cost model, in a family of devices."""
        return []

    def compute(self, frames: Frames, memories: Mapping[str, Rows], sink: Element) -> Frames:
        """Return what goes out as elements of `sink`; memories: rows by parameter.

        This is the kernel in NumPy, from its files alone.
        """
        if self.plumbing:
            return frames
        raise NotImplementedError(f"{self.module} computes no map")

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


def bits_for(count: int) -> int:
    """Return the bits of a counter of `count` states, at least 1."""
    return max(1, (count - 1).bit_length())


def channel_mask(flags: NDArray[np.bool_]) -> int:
    """Return flags (channels,) as a number: bit c is that of channel c."""
    return sum(1 << c for c in np.flatnonzero(flags).tolist())


def masked_channels(mask: int, channels: int) -> NDArray[np.bool_]:
    """Undo `channel_mask`."""
    return np.array([mask >> c & 1 for c in range(channels)], bool)


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
