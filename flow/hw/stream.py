"""What travels between two layers: how a tensor becomes the words of a stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from driver.packing import pack_words

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Stream:
    """A stream of words; element 0 of a word is the least significant.

    A 1-bit stream carries a bipolar tensor: bit 1 is +1, bit 0 is -1. Where `flagged`, a flag
    beside each word says that the whole word lies in the zero padding; its bits are then 0.
    """

    lanes: int
    """Elements in a word."""
    elem_bits: int
    signed: bool
    beats: int
    """Words in a frame."""
    flagged: bool = False

    @property
    def width(self) -> int:
        """Bits of a word, the flag not counted."""
        return self.lanes * self.elem_bits

    @property
    def word_bytes(self) -> int:
        """Bytes of a word in captured files and memory, the flag not counted."""
        return (self.width + 7) // 8

    def words(self, tensor: NDArray[np.generic]) -> NDArray[np.uint8]:
        """Pack one or more frames.

        `tensor`: integer values with the fastest axis in stream order, `beats * lanes` a frame.
        Returns uint8 (frames * beats, word_bytes + flagged); the last byte of a flagged stream is
        the flag.
        """
        values = np.asarray(tensor).reshape(-1, self.lanes)
        if values.shape[0] % self.beats:
            raise ValueError(
                f"{values.size} elements are no whole number of frames of "
                f"{self.beats} x {self.lanes}"
            )
        elements = values > 0 if self.elem_bits == 1 else values
        packed = pack_words(elements.astype(np.int64), self.elem_bits)
        if not self.flagged:
            return packed
        padded = np.all(values == 0, axis=1)
        return np.concatenate([packed, padded[:, None].astype(np.uint8)], axis=1)
