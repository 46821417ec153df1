"""What travels between two layers: how a tensor becomes the words of a stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from driver.packing import pack_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from flow.network import Edge


@dataclass(frozen=True)
class Element:
    """One value of a stream; 1 bit is -1 or +1."""

    bits: int
    signed: bool = False

    def value(self, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the integers that the lowest `bits` bits of codes stand for."""
        kept = codes & ((1 << self.bits) - 1)
        if self.bits == 1:
            return 2 * kept - 1
        if not self.signed:
            return kept
        return np.where(kept >> (self.bits - 1), kept - (1 << self.bits), kept)


def element_of(edge: Edge) -> Element:
    """Return how a value of `edge` travels: one bit is -1 or +1, so 0 and 1 take two."""
    return Element(1) if edge.bipolar else Element(max(edge.bits, 2), edge.signed)


@dataclass(frozen=True)
class Stream:
    """A stream of words; element 0 of a word is the least significant.

    A 1-bit stream carries a bipolar tensor: bit 1 is +1, bit 0 is -1. Where `flagged`, a flag
    for each pixel beside the word says that the pixel's lanes all lie in the zero padding; their
    bits are then 0.

    A word holds the same lanes of `pixels` consecutive pixels of a row, pixel 0 least significant;
    `chunks` such words are a group of pixels.
    """

    lanes: int
    """Elements of one pixel in a word."""
    elem_bits: int
    signed: bool
    beats: int
    """Words in a frame."""
    flagged: bool = False
    pixels: int = 1
    """Pixels in a word."""
    chunks: int = 1
    """Words that a group of pixels takes; 1 also where a word holds a single pixel's lanes."""

    @classmethod
    def of_map(
        cls,
        shape: tuple[int, int, int],
        lanes: int,
        element: Element,
        *,
        pixels: int = 1,
        flagged: bool = False,
    ) -> Stream:
        """Return the stream of a map of `shape`, (H, W, C).

        ValueError where a group of `pixels` pixels is no whole number of words.
        """
        height, width, channels = shape
        if pixels > 1 and (width % pixels or channels % lanes):
            raise ValueError(f"stream: {pixels} pixels of {lanes} lanes do not divide {shape}")
        return cls(
            lanes=lanes,
            elem_bits=element.bits,
            signed=element.signed,
            beats=height * width * channels // (lanes * pixels),
            flagged=flagged,
            pixels=pixels,
            chunks=channels // lanes if pixels > 1 else 1,
        )

    @property
    def width(self) -> int:
        """Bits of a word, the flags not counted."""
        return self.pixels * self.lanes * self.elem_bits

    @property
    def pixel_width(self) -> int:
        """Bits of one pixel in a word."""
        return self.lanes * self.elem_bits

    @property
    def flags(self) -> int:
        """Flag bits beside a word: flag m is that of pixel m."""
        return self.pixels if self.flagged else 0

    @property
    def flag_bytes(self) -> int:
        """Bytes that the flags take behind a word in captured files."""
        return (self.flags + 7) // 8

    @property
    def word_bytes(self) -> int:
        """Bytes of a word in captured files and memory, the flags not counted."""
        return (self.width + 7) // 8

    def words(self, tensor: NDArray[np.generic]) -> NDArray[np.uint8]:
        """Pack one or more frames.

        `tensor`: integer values, pixel by pixel with the fastest axis in stream order,
        `beats * pixels * lanes` a frame. Returns uint8 (frames * beats, word_bytes + flag_bytes);
        the last bytes of a flagged stream are the flags.
        """
        flat = np.asarray(tensor).reshape(-1)
        frame = self.beats * self.pixels * self.lanes
        if flat.size % frame or self.beats % self.chunks:
            lanes = f"{self.pixels} x {self.lanes}" if self.pixels > 1 else f"{self.lanes}"
            raise ValueError(
                f"{flat.size} elements are no whole number of frames of {self.beats} x {lanes}"
            )
        groups = flat.reshape(-1, self.pixels, self.chunks, self.lanes).transpose(0, 2, 1, 3)
        values = groups.reshape(-1, self.pixels * self.lanes)
        elements = values > 0 if self.elem_bits == 1 else values
        packed = pack_words(elements.astype(np.int64), self.elem_bits)
        if not self.flagged:
            return packed
        padded = np.all(groups.reshape(-1, self.pixels, self.lanes) == 0, axis=2)
        return np.concatenate([packed, np.packbits(padded, axis=1, bitorder="little")], axis=1)

    def tensor_order(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """Undo the order of the words: elements (words, pixels * lanes) pixel by pixel, flat."""
        groups = values.reshape(-1, self.chunks, self.pixels, self.lanes)
        return groups.transpose(0, 2, 1, 3).reshape(-1)
