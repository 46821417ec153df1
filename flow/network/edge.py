"""What travels between two nodes of a network: integers in a known range, and their shape."""

from __future__ import annotations

from dataclasses import dataclass

Shape = tuple[int, int, int]
"""(height, width, channels); a vector is (1, 1, channels)."""


@dataclass(frozen=True)
class Edge:
    """The integers of one tensor.

    shape: of one frame, (H, W, C); the channel is the fastest axis, in memory and on every stream.
    low, high: the smallest and the largest value that can occur, whatever the image.
    step: the distance between neighbouring values; 2 where only -1 and +1 occur, else 1.

    An edge has no scale. What its integers stand for as real numbers is known to the golden model.
    """

    shape: Shape
    low: int
    high: int
    step: int = 1

    def __post_init__(self) -> None:
        if self.high < self.low or (self.high - self.low) % self.step:
            raise ValueError(f"an edge cannot reach from {self.low} to {self.high} by {self.step}")

    @property
    def bipolar(self) -> bool:
        """Whether the values are -1 and +1: one bit, 1 for +1."""
        return (self.low, self.high, self.step) == (-1, 1, 2)

    @property
    def signed(self) -> bool:
        """Whether a word of this edge needs a sign bit."""
        return self.low < 0 and not self.bipolar

    @property
    def bits(self) -> int:
        """The bits that hold every value: two's complement where `signed`."""
        if self.bipolar:
            return 1
        if self.signed:
            return max((-self.low - 1).bit_length(), max(self.high, 0).bit_length()) + 1
        return max(self.high.bit_length(), 1)

    @property
    def levels(self) -> int:
        """How many different values there are."""
        return (self.high - self.low) // self.step + 1

    @property
    def magnitude(self) -> int:
        """The largest absolute value."""
        return max(abs(self.low), abs(self.high))

    @property
    def elements(self) -> int:
        """The values of one frame."""
        return self.shape[0] * self.shape[1] * self.shape[2]

    def describe(self) -> str:
        """Return shape and range in words, for messages."""
        height, width, channels = self.shape
        by = f" by {self.step}" if self.step != 1 else ""
        return f"{height}x{width}x{channels}, {self.low} to {self.high}{by}"
