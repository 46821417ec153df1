"""From layers to C++: a table of layers as source text, and one blob with all constants."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flow.check.cpp.steps import IMAGES, Program, Step

if TYPE_CHECKING:
    from numpy.typing import NDArray

SOURCE_DIR = Path(__file__).resolve().parent
BLOB_FILE = "weights.bin"
_ALIGNMENT = 64
_KINDS = {
    "input_codes": "kInputCodes",
    "input_bits": "kInputBits",
    "conv_codes": "kConvCodes",
    "conv_bits": "kConvBits",
    "pool": "kPool",
    "depthwise": "kDepthwise",
    "threshold": "kThreshold",
    "map": "kMap",
    "scores": "kScores",
}
_NEVER = 2**31 - 1
"""Threshold of a channel that only fills its group up."""


@dataclass(frozen=True)
class Generated:
    """source: C++ text that includes the blob from the file BLOB_FILE; identity: sha256 of both."""

    source: str
    blob: bytes
    identity: str


@dataclass
class _Blob:
    parts: list[bytes] = field(default_factory=list)
    size: int = 0

    def add(self, values: NDArray[np.generic]) -> int:
        """Append an array and return its offset in bytes, a multiple of the alignment."""
        offset = self.size
        data = np.ascontiguousarray(values).tobytes()
        data += bytes(-len(data) % _ALIGNMENT)
        self.parts.append(data)
        self.size += len(data)
        return offset


def generate(program: Program) -> Generated:
    """Return the program's own part of the library's source; the rest is the same for all."""
    blob = _Blob([bytes(_ALIGNMENT)], _ALIGNMENT)  # offset 0: a layer without such constants
    entries = [_entry(layer, blob) for layer in program.layers]
    data = b"".join(blob.parts)
    table = ",\n".join(entries)
    identity = hashlib.sha256(table.encode() + data).hexdigest()
    return Generated(
        _SOURCE.format(identity=identity, table=table, slots=program.slots, file=BLOB_FILE),
        data,
        identity,
    )


def map_files() -> list[str]:
    """Return the stems of maps/*.hpp: the functions from maps of codes to a map of codes."""
    return sorted(path.stem for path in (SOURCE_DIR / "maps").glob("*.hpp"))


def map_table() -> str:
    """Return the text that includes all of them and lists them in their order."""
    lines = [f'#include "maps/{name}.hpp"' for name in map_files()]
    names = ", ".join(map_files())
    return "\n".join(lines) + _MAP_TABLE.format(names=names)


_MAP_TABLE = """
namespace bnn {{
namespace {{
using Map = void (*)(const Plan&, const int16_t* const*, int64_t, int16_t*);
constexpr Map kMaps[] = {{{names}}};
}}  // namespace
}}  // namespace bnn
"""
_SOURCE = """\
// Generated from a network: its layers and their constants.
#include "network.hpp"

__asm__(
    ".section .rodata\\n"
    ".balign 64\\n"
    "bnn_blob:\\n"
    ".incbin \\"{file}\\"\\n"
    ".byte 0\\n"
    ".text\\n");
extern "C" __attribute__((visibility("hidden"))) const unsigned char bnn_blob[];

namespace bnn {{

const char kIdentity[] =
    "{identity}";
const unsigned char* const kBlob = bnn_blob;
const Layer kLayers[] = {{
{table},
}};
const int32_t kLayerCount = sizeof(kLayers) / sizeof(kLayers[0]);
const int32_t kSlotCount = {slots};

}}  // namespace bnn
"""


def _entry(layer: Step, blob: _Blob) -> str:
    weights = thresholds = table = mask = constants = 0
    if layer.table is not None:
        table = blob.add(layer.table.astype("<i2"))
    if layer.weights is not None:
        weights = blob.add(_packed_weights(layer))
    if layer.thresholds is not None:
        limits = np.clip(layer.thresholds, -_NEVER, _NEVER)
        thresholds = blob.add(_pad(limits, 0, 16, value=_NEVER).T.astype("<i4"))
    if layer.mask is not None:
        bits = layer.kind == "pool"
        mask = blob.add(
            mask_bits(layer.mask) if bits else _pad(-1 * layer.mask, 0, 2).astype("<i2")
        )
    if layer.constants is not None:
        constants = blob.add(layer.constants.astype("<i4"))
    entries = [*layer.in_shape, *layer.out_shape, *layer.kernel, *layer.stride, *layer.pad]
    entries += [*layer.dilation, layer.pad_value]
    entries += [*(*layer.sources, IMAGES)[:2], layer.slot]
    entries.append(map_files().index(layer.map) if layer.kind == "map" else 0)
    values = ", ".join(str(value) for value in entries)
    scores, codes = ("true" if flag else "false" for flag in (layer.scores, layer.codes_out))
    steps = 0 if layer.thresholds is None else layer.thresholds.shape[1]
    return (
        f'    {{"{layer.name}", Kind::{_KINDS[layer.kind]}, {values}, {scores}, {codes},\n'
        f"     {steps}, {layer.low}, {layer.rise}, {weights}, {thresholds}, {table},"
        f" {mask}, {constants}}}"
    )


def _packed_weights(layer: Step) -> NDArray[Any]:
    assert layer.weights is not None  # noqa: S101 - asked by the caller
    if layer.kind == "depthwise":
        return layer.weights.astype("<i2")
    taps = layer.weights.reshape(layer.weights.shape[0], -1, layer.in_shape[2])
    return bit_weights(taps) if layer.kind == "conv_bits" else code_weights(taps)


def mask_bits(mask: NDArray[np.bool_]) -> NDArray[np.uint64]:
    """Pack a mask (channels,) into words: channel c is bit c % 64 of word c / 64."""
    packed = np.packbits(_pad(mask, 0, 64), bitorder="little")
    words: NDArray[np.uint64] = np.ascontiguousarray(packed).view("<u8")
    return words


def bit_weights(weights: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Pack weights (outputs, taps, channels) in {-1, +1} as [output / 8][tap][word][output % 8].

    Bit c % 64 of word c / 64 is 1 for +1; outputs and channels are filled up with 0.
    """
    bits = _pad(_pad(weights > 0, 2, 64), 0, 8)
    outputs, taps, channels = bits.shape
    packed = np.packbits(bits, axis=2, bitorder="little")
    words = np.ascontiguousarray(packed).view("<u8")  # (outputs, taps, words)
    grouped = words.reshape(outputs // 8, 8, taps, channels // 64)
    return np.ascontiguousarray(grouped.transpose(0, 2, 3, 1))


def code_weights(weights: NDArray[np.int64]) -> NDArray[np.int16]:
    """Lay weights (outputs, taps, channels) out as int16 [output / 16][tap][pair][output % 16][2].

    Outputs and channels are filled up with 0, which adds nothing.
    """
    values = _pad(_pad(weights, 2, 2), 0, 16).astype("<i2")
    outputs, taps, channels = values.shape
    grouped = values.reshape(outputs // 16, 16, taps, channels // 2, 2)
    return np.ascontiguousarray(grouped.transpose(0, 2, 3, 1, 4))


def _pad(values: NDArray[Any], axis: int, multiple: int, value: int = 0) -> NDArray[Any]:
    missing = -values.shape[axis] % multiple
    widths = [(0, missing if k == axis else 0) for k in range(values.ndim)]
    return np.pad(values, widths, constant_values=value)
