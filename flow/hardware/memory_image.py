"""Memory contents as `$readmemh` text: one word a line, most significant digit first."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flow.errors import UserError


def write_hex(path: Path, words: NDArray[np.uint8], width_bits: int) -> str:
    """Write words, uint8 (depth, ceil(width_bits / 8)) little-endian; return the file's SHA-256.

    Every line has ceil(width_bits / 4) digits. ValueError where the shape does not match or a bit
    beyond the width is set.
    """
    size = (width_bits + 7) // 8
    if width_bits < 1 or words.dtype != np.uint8 or words.ndim != 2 or words.shape[1] != size:
        raise ValueError(
            f"memory image {path.name}: words are {words.dtype} {words.shape}; {width_bits} bits "
            f"need uint8 (depth, {size})"
        )
    if width_bits % 8 and np.any(words[:, -1] >> (width_bits % 8)):
        raise ValueError(f"memory image {path.name}: bits beyond the width of {width_bits} are set")
    digits = (width_bits + 3) // 4
    text = np.ascontiguousarray(words[:, ::-1]).tobytes().hex()
    lines = [text[end - digits : end] for end in range(2 * size, len(text) + 1, 2 * size)]
    content = ("\n".join(lines) + "\n").encode("ascii")
    path.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def read_hex(path: Path, width_bits: int, sha256: str | None = None) -> NDArray[np.uint8]:
    """Read what `write_hex` wrote; UserError naming the line where it is anything else.

    sha256: if given, the file must have this hash.
    """
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if sha256 is not None and found != sha256:
        raise UserError(
            f"memory image {path}: its SHA-256 is {found}, expected {sha256}; generate it again"
        )
    digits, size = (width_bits + 3) // 4, (width_bits + 7) // 8
    lines = content.decode("ascii", errors="replace").splitlines()
    if not lines:
        raise UserError(f"memory image {path}: the file is empty; generate it again")
    for number, line in enumerate(lines, 1):
        if len(line) != digits or not set(line) <= set("0123456789abcdef"):
            raise UserError(
                f"memory image {path}, line {number}: {line[:40]!r} is not {digits} hexadecimal "
                f"digits, one word of {width_bits} bits; generate it again"
            )
    joined = "".join(line.rjust(2 * size, "0") for line in lines)
    words = np.frombuffer(bytes.fromhex(joined), np.uint8).reshape(len(lines), size)[:, ::-1]
    spare = words[:, -1] >> (width_bits % 8) if width_bits % 8 else np.zeros(1, np.uint8)
    beyond = np.flatnonzero(spare)
    if beyond.size:
        raise UserError(
            f"memory image {path}, line {int(beyond[0]) + 1}: bits beyond the width of {width_bits}"
        )
    return np.ascontiguousarray(words)
