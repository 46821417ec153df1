"""The weight image: what is streamed into an accelerator with loadable weights.

32-bit little-endian words: "BNNW", format version, payload words N, sha256 of the payload (8
words, most significant first), N words of payload, CRC-32 of the payload (zlib's). The payload is
every memory in the order of the chain, row by row; a row is ceil(width / 32) words, least
significant first. NumPy only and Python 3.8, because it also runs on the boards.
"""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from driver.errors import CheckFailed, InputError
from driver.interface import LOAD_HASH_WORD, LOAD_HEADER_WORDS, LOAD_MAGIC, LOAD_VERSION

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any, Sequence

    from numpy.typing import NDArray

WEIGHTS_FILE = "weights.bin"
_HASH_WORDS = slice(LOAD_HASH_WORD, LOAD_HEADER_WORDS)
_FILL_BYTES = 64


class WeightImage(NamedTuple):
    """One complete image, checked."""

    data: bytes
    """The whole file: header, payload, CRC."""
    sha256: str
    """Of the payload, hexadecimal: which weights these are. The accelerator says the same."""
    words: int
    """Words of payload: which shapes these are for."""

    @property
    def packet(self) -> NDArray[np.uint8]:
        """What the DMA sends: the image, zeros up to a whole beat of any DMA width."""
        size = -(-len(self.data) // _FILL_BYTES) * _FILL_BYTES
        padded = np.zeros(size, np.uint8)
        padded[: len(self.data)] = np.frombuffer(self.data, np.uint8)
        return padded


def payload_words(memories: Sequence[NDArray[np.uint8]]) -> int:
    """Return the words of payload that these memories, uint8 (depth, bytes of a row), take."""
    return sum(len(rows) * (-(-rows.shape[1] // 4)) for rows in memories)


def build_weight_image(memories: Sequence[NDArray[np.uint8]]) -> bytes:
    """Return the image of memories, uint8 (depth, bytes of a row), little-endian, in chain order.

    ValueError where there is none, or one of another type or shape.
    """
    parts = []
    for index, rows in enumerate(memories):
        if rows.dtype != np.uint8 or rows.ndim != 2 or not rows.size:
            raise ValueError(
                f"weight image: memory {index} is {rows.dtype} {rows.shape}; it has to be uint8 "
                "(depth, bytes of a row)"
            )
        padded = np.zeros((len(rows), -(-rows.shape[1] // 4) * 4), np.uint8)
        padded[:, : rows.shape[1]] = rows
        parts.append(padded.tobytes())
    if not parts:
        raise ValueError("weight image: there is no memory to load")
    payload = b"".join(parts)
    header = np.empty(LOAD_HEADER_WORDS, "<u4")
    header[:3] = LOAD_MAGIC, LOAD_VERSION, len(payload) // 4
    header[_HASH_WORDS] = np.frombuffer(hashlib.sha256(payload).digest(), ">u4")
    return header.tobytes() + payload + zlib.crc32(payload).to_bytes(4, "little")


def split_weight_image(data: bytes, shapes: Sequence[Any]) -> Sequence[NDArray[np.uint8]]:
    """Undo `build_weight_image` for memories of these (depth, bytes of a row).

    ValueError if the image holds another number of words.
    """
    payload = np.frombuffer(data, np.uint8)[4 * LOAD_HEADER_WORDS : -4]
    wanted = sum(depth * (-(-size // 4) * 4) for depth, size in shapes)
    if len(payload) != wanted:
        raise ValueError(f"weight image: {len(payload)} bytes of payload, {wanted} expected")
    memories, start = [], 0
    for depth, size in shapes:
        row = -(-size // 4) * 4
        rows = payload[start : start + depth * row].reshape(depth, row)
        memories.append(np.ascontiguousarray(rows[:, :size]))
        start += depth * row
    return memories


def parse_weight_image(data: bytes, where: str) -> WeightImage:
    """Return the image in `data` after checking all of it; `where` names it in messages.

    Raises InputError if it is no weight image of this version, CheckFailed if it is damaged.
    """
    if len(data) < 12 or data[:4] != LOAD_MAGIC.to_bytes(4, "little"):
        raise InputError(
            f"{where}: is no weight image (it does not begin with BNNW); flow build makes one, "
            f"{WEIGHTS_FILE} in the package"
        )
    version, words = (int.from_bytes(data[k : k + 4], "little") for k in (4, 8))
    if version != LOAD_VERSION:
        raise InputError(
            f"{where}: is a weight image of format version {version}, this driver reads "
            f"{LOAD_VERSION}; use the driver of the package it comes from"
        )
    size = 4 * (LOAD_HEADER_WORDS + words + 1)
    if len(data) != size:
        raise CheckFailed(
            f"{where}: is damaged: {len(data):,} bytes, its header says {size:,}; copy it again"
        )
    payload = data[4 * LOAD_HEADER_WORDS : -4]
    stated = (
        np.frombuffer(data, "<u4", LOAD_HEADER_WORDS)[_HASH_WORDS].astype(">u4").tobytes().hex()
    )
    found = hashlib.sha256(payload).hexdigest()
    if zlib.crc32(payload) != int.from_bytes(data[-4:], "little"):
        raise CheckFailed(
            f"{where}: is damaged: the CRC of its {words:,} words is wrong; copy it again"
        )
    if found != stated:
        raise CheckFailed(
            f"{where}: is damaged: sha256 of the weights {found[:12]}…, its header says "
            f"{stated[:12]}…; copy it again"
        )
    return WeightImage(data, found, words)


def read_weight_image(path: Path, where: str = "") -> WeightImage:
    """Read and check the image in a file; raises as `parse_weight_image`, InputError if missing."""
    where = f"{where}{path}"
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{where}: cannot be read: {error.strerror}") from error
    return parse_weight_image(data, where)
