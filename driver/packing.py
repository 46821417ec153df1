"""Bits into machine words and back: the one packing that simulation, vectors and board share.

Element 0 is the least significant of its word, a word is little-endian bytes, unused bits at the
top are 0. NumPy only and Python 3.8, because it also runs on the boards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

MAX_ELEM_BITS = 64


def word_bytes(lanes: int, elem_bits: int) -> int:
    """Return the bytes of a word of `lanes` elements."""
    _check_geometry(lanes, elem_bits)
    return (lanes * elem_bits + 7) // 8


def pack_words(values: NDArray[Any], elem_bits: int) -> NDArray[np.uint8]:
    """Pack integers (beats, lanes) into uint8 (beats, ceil(lanes * elem_bits / 8)).

    Negative values are stored in two's complement. ValueError for a value outside
    -2**(elem_bits - 1) .. 2**elem_bits - 1, a shape that is not (beats, lanes), or floats.
    """
    values = np.asarray(values)
    if values.ndim != 2:
        raise ValueError(f"pack_words: values have shape {values.shape}, not (beats, lanes)")
    if values.dtype.kind not in "iub":
        raise ValueError(f"pack_words: values are {values.dtype}; convert them to integers")
    beats, lanes = values.shape
    size = word_bytes(lanes, elem_bits)
    _check_range(values, elem_bits)
    if elem_bits == 1:
        bits = (values & 1).astype(np.uint8)
    elif elem_bits % 8 == 0:
        little = values.astype("<i8" if values.dtype.kind == "i" else "<u8", order="C")
        octets = little.view(np.uint8).reshape(beats, lanes, 8)
        return np.ascontiguousarray(octets[:, :, : elem_bits // 8]).reshape(beats, size)
    else:
        little = values.astype("<i8" if values.dtype.kind == "i" else "<u8", order="C")
        octets = little.view(np.uint8).reshape(beats, lanes, 8)[:, :, : (elem_bits + 7) // 8]
        unpacked = np.unpackbits(octets, axis=2, bitorder="little")
        bits = unpacked[:, :, :elem_bits].reshape(beats, lanes * elem_bits)
    return np.packbits(bits, axis=1, bitorder="little")


def unpack_words(
    words: NDArray[np.uint8], lanes: int, elem_bits: int, signed: bool
) -> NDArray[np.int64]:
    """Undo `pack_words`: uint8 (beats, bytes) to int64 (beats, lanes).

    The bytes of a word may be more than the elements need (a padded bus); the rest is ignored.
    signed: take the top bit of an element as its sign. ValueError for too few bytes, or an unsigned
    element of 64 bits, which int64 cannot hold.
    """
    size = word_bytes(lanes, elem_bits)
    words = np.asarray(words)
    if words.dtype != np.uint8 or words.ndim != 2 or words.shape[1] < size:
        raise ValueError(
            f"unpack_words: words are {words.dtype} {words.shape}; {lanes} elements of {elem_bits} "
            f"bits need uint8 (beats, {size} or more)"
        )
    if elem_bits == MAX_ELEM_BITS and not signed:
        raise ValueError("unpack_words: unsigned elements of 64 bits do not fit int64")
    beats = words.shape[0]
    bits = np.unpackbits(words[:, :size], axis=1, bitorder="little")[:, : lanes * elem_bits]
    if elem_bits == 1:
        return -bits.astype(np.int64) if signed else bits.astype(np.int64)
    octets = np.packbits(bits.reshape(beats, lanes, elem_bits), axis=2, bitorder="little")
    wide = np.zeros((beats, lanes, 8), np.uint8)
    wide[:, :, : octets.shape[2]] = octets
    values = wide.view("<u8").reshape(beats, lanes).astype(np.int64)
    if signed and elem_bits < MAX_ELEM_BITS:
        sign = np.int64(1) << np.int64(elem_bits - 1)
        values = (values ^ sign) - sign
    return values


def bipolar_to_bits(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Turn +1 into bit 1 and -1 into bit 0, any shape; ValueError for any other value."""
    values = np.asarray(values)
    if not np.all((values == 1) | (values == -1)):
        raise ValueError("bipolar_to_bits: values other than -1 and +1")
    bits: NDArray[np.uint8] = (values == 1).astype(np.uint8)
    return bits


def bits_to_bipolar(bits: NDArray[Any]) -> NDArray[np.int8]:
    """Turn bit 1 into +1 and bit 0 into -1, any shape; ValueError for any other value."""
    bits = np.asarray(bits)
    ones = bits == 1
    if not np.all(ones | (bits == 0)):
        raise ValueError("bits_to_bipolar: values other than 0 and 1")
    bipolar: NDArray[np.int8] = np.where(ones, 1, -1).astype(np.int8)
    return bipolar


def _check_geometry(lanes: int, elem_bits: int) -> None:
    if lanes < 1 or not 1 <= elem_bits <= MAX_ELEM_BITS:
        raise ValueError(
            f"packing: {lanes} lanes of {elem_bits} bits; at least 1 lane "
            f"of 1 to {MAX_ELEM_BITS} bits"
        )


def _check_range(values: NDArray[Any], elem_bits: int) -> None:
    if values.size == 0 or values.dtype.kind == "b":
        return
    low, high = int(values.min()), int(values.max())
    if low < -(1 << (elem_bits - 1)) or high >= 1 << elem_bits:
        raise ValueError(
            f"pack_words: values from {low} to {high} do not fit {elem_bits} bits "
            f"({-(1 << (elem_bits - 1))} to {(1 << elem_bits) - 1})"
        )


def pack_frames(images: NDArray[np.uint8], buffer: NDArray[np.uint8], frame_bytes: int) -> int:
    """Put images, uint8 or int8 (N, H, W, C), into a flat buffer, a frame every `frame_bytes`.

    Returns the bytes used. Bytes between an image and the next frame are left as they are: the
    accelerator drops them. ValueError if the buffer is too small or a frame too short.
    """
    count = len(images)
    flat = images.reshape(count, -1).view(np.uint8)
    used = count * frame_bytes
    if flat.shape[1] > frame_bytes or used > buffer.size:
        raise ValueError(
            f"pack_frames: {count} images of {flat.shape[1]} bytes, {frame_bytes} bytes a frame, "
            f"do not fit a buffer of {buffer.size}"
        )
    buffer[:used].reshape(count, frame_bytes)[:, : flat.shape[1]] = flat
    return used


def unpack_scores(
    buffer: NDArray[np.uint8], frames: int, frame_bytes: int, elem_bits: int, classes: int
) -> NDArray[np.int32]:
    """Read int32 scores (frames, classes) from a flat buffer of 16- or 32-bit elements."""
    if elem_bits not in (16, 32) or buffer.size < frames * frame_bytes:
        raise ValueError(
            f"unpack_scores: {frames} frames of {frame_bytes} bytes, {elem_bits} bits an element, "
            f"from a buffer of {buffer.size} bytes"
        )
    raw = np.asarray(buffer[: frames * frame_bytes])
    elements = raw.view("<i2" if elem_bits == 16 else "<i4").reshape(frames, -1)
    return elements[:, :classes].astype(np.int32)
