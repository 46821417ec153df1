"""What an accelerator takes: how values and pixels become the integers that the DMA carries.

Every comparison and every operation on pixels is float32, so the integers are the same on every
machine. NumPy only and Python 3.8, like all of the driver.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from driver.errors import InputError

if TYPE_CHECKING:
    from typing import Any, Dict, Mapping, Optional, Tuple

    from numpy.typing import NDArray

KINDS = ("pixels", "integers", "codes")
STEPS_FILE = "input_steps.npz"


class InputRule(NamedTuple):
    """How inputs become integers, one for each element of a frame (H, W, C).

    kind: "pixels": uint8 pixels go in as they are; in the model's file they are pixel / 255.
    "integers": the file itself takes integers. "codes": the driver makes the codes of the file's
    first quantiser, by comparing with `steps`.
    shape: (H, W, C) of a frame. file_shape: of one input in the model's file, without the batch.
    channels_last: the file's axes are H, W, C; else C, H, W, or that flattened.
    low, high: of the integers; int8 where low < 0, else uint8. A code of one bit, -1 or +1, goes
    in as 0 or 1.
    pictures: whether pixels can be given. mean, std: those that are taken from pixel / 255 and
    divided by, channel by channel, before the file's own operators; empty for none. divisor: of
    pixels, 255, or 1 where the file takes them as they are.
    steps: float32 (rows, high - low), ascending, one row, or one for each channel: the integer is
    low + the number of steps <= x, or <= -x where `falling` (bool, (rows,)). inf: never reached.
    """

    kind: str
    shape: Tuple[int, int, int]
    file_shape: Tuple[int, ...]
    channels_last: bool
    low: int
    high: int
    pictures: bool
    mean: Tuple[float, ...] = ()
    std: Tuple[float, ...] = ()
    divisor: int = 255
    steps: Optional[NDArray[np.float32]] = None
    falling: Optional[NDArray[np.bool_]] = None

    @property
    def dtype(self) -> Any:
        """The NumPy type of the integers: a byte each."""
        return np.dtype(np.int8 if self.low < 0 else np.uint8)

    def integers(self, values: NDArray[Any], where: str) -> NDArray[Any]:
        """Return the integers (N, H, W, C) of inputs as a file holds them.

        values: (N, *file_shape), floats in the file's own terms, or integers; where `pictures`,
        integers are pixels, and uint8 (N, H, W, C) as well. float64 is rounded to float32 first.
        Raises InputError that begins with `where` for any other shape or type, for what is not
        finite, and for values that have no integer here.
        """
        values = np.asarray(values)
        whole = values.dtype.kind in "iu"
        framed = values.ndim == 4 and values.shape[1:] == self.shape
        if not len(values.shape) or values.dtype.kind not in "iuf":
            raise InputError(f"{where}: holds {values.dtype}; numbers are needed")
        if not len(values):
            raise InputError(f"{where}: holds no input")
        if self.pictures and values.dtype == np.uint8 and framed:
            return self.of_pixels(values)
        if values.shape[1:] != self.file_shape:
            raise InputError(f"{where}: is {values.dtype} {values.shape}; {self.describe()}")
        frames = self.frames(values)
        if self.pictures and whole:
            return self.of_pixels(self._bounded(frames, 0, 255, where).astype(np.uint8))
        if not np.all(np.isfinite(frames)):
            raise InputError(f"{where}: holds NaN or infinity; every value has to be a number")
        if self.kind == "codes":
            return self.encode(frames.astype(np.float32))
        scale = np.float32(self.divisor)
        real = frames.astype(np.float32)
        nearest = np.rint(real * scale)
        off = np.argwhere(nearest / scale != real)
        if len(off):
            value = real[tuple(off[0])]
            wanted = "no pixel / 255" if self.kind == "pixels" else "no integer"
            raise InputError(
                f"{where}: {value:.9g}, in input {off[0][0]}, is {wanted}, which this network "
                "takes; where it is trained on other values, build it with [model] input = "
                '"values"'
            )
        return self._bounded(nearest, self.low, self.high, where).astype(self.dtype)

    def of_pixels(self, pixels: NDArray[np.uint8]) -> NDArray[Any]:
        """Return the integers of uint8 pixels (N, H, W, C)."""
        if self.kind != "codes":
            return pixels
        return self.encode(self.real_pixels(pixels))

    def real_pixels(self, pixels: NDArray[Any]) -> NDArray[np.float32]:
        """Return what the file takes for pixels, or its own integers, (N, H, W, C), as float32."""
        real: NDArray[np.float32] = pixels.astype(np.float32) / np.float32(self.divisor)
        if self.mean:
            real -= np.array(self.mean, np.float32)
            real /= np.array(self.std, np.float32)
        return real

    def encode(self, values: NDArray[np.float32]) -> NDArray[Any]:
        """Return the integers of float32 frames (N, H, W, C) by comparing with the steps."""
        assert self.steps is not None and self.falling is not None  # noqa: S101, PT018
        found = np.empty(values.shape, self.dtype)
        alone = len(self.steps) == 1
        for row, (steps, falls) in enumerate(zip(self.steps, self.falling)):  # noqa: B905
            part: Any = Ellipsis if alone else (Ellipsis, row)
            taken = -values[part] if falls else values[part]
            found[part] = self.low + np.searchsorted(steps, taken, side="right")
        return found

    def frames(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return (N, *file_shape) as frames (N, H, W, C)."""
        height, width, channels = self.shape
        if self.channels_last:
            return values.reshape(len(values), height, width, channels)
        return values.reshape(len(values), channels, height, width).transpose(0, 2, 3, 1)

    def as_in_file(self, frames: NDArray[Any]) -> NDArray[Any]:
        """Return frames (N, H, W, C) as (N, *file_shape)."""
        ordered = frames if self.channels_last else frames.transpose(0, 3, 1, 2)
        return np.ascontiguousarray(ordered).reshape(len(frames), *self.file_shape)

    def check(self, integers: NDArray[Any], where: str) -> None:
        """Raise InputError unless these are integers of this rule, (N, H, W, C) with N >= 1."""
        if integers.dtype != self.dtype or integers.ndim != 4 or integers.shape[1:] != self.shape:
            shape = ", ".join(str(side) for side in self.shape)
            ends = "" if self.kind == "codes" else ", pixels 0 to 255" if self.pictures else ""
            raise InputError(
                f"{where}: is {integers.dtype} {integers.shape}; this accelerator takes "
                f"{self.dtype} (N, {shape}){ends}, channels last"
            )
        if not len(integers):
            raise InputError(f"{where}: holds no image")
        self._bounded(integers, self.low, self.high, where)

    def describe(self) -> str:
        """Return what is taken, as a message says it."""
        shape = ", ".join(str(side) for side in self.file_shape)
        text = f"this network takes (N, {shape})"
        if self.pictures:
            frame = ", ".join(str(side) for side in self.shape)
            text += f" as in its file, or pixels, uint8 (N, {frame})"
        return text

    def _bounded(self, values: NDArray[Any], low: int, high: int, where: str) -> NDArray[Any]:
        if values.size and (values.min() < low or values.max() > high):
            raise InputError(
                f"{where}: has values from {values.min():g} to {values.max():g}; "
                f"{low} to {high} are taken"
            )
        return values

    def record(self) -> Dict[str, Any]:
        """Return what goes into a JSON file; the steps are an array file of their own."""
        values = self._asdict()
        for name in ("steps", "falling"):
            del values[name]
        return dict(values, dtype=str(self.dtype), steps=STEPS_FILE if self.has_steps else None)

    @property
    def has_steps(self) -> bool:
        """Whether values are compared with steps."""
        return self.steps is not None


def rule_from_record(
    record: Mapping[str, Any], arrays: Optional[Mapping[str, Any]] = None
) -> InputRule:
    """Return the rule that `record` wrote; arrays: `steps` and `falling` where it has steps.

    Raises KeyError, TypeError or ValueError for anything else.
    """
    height, width, channels = (int(side) for side in record["shape"])
    kind = str(record["kind"])
    if kind not in KINDS or (kind == "codes") != (arrays is not None):
        raise ValueError(f"input of kind {kind!r}")
    rule = InputRule(
        kind=kind,
        shape=(height, width, channels),
        file_shape=tuple(int(side) for side in record["file_shape"]),
        channels_last=bool(record["channels_last"]),
        low=int(record["low"]),
        high=int(record["high"]),
        pictures=bool(record["pictures"]),
        mean=tuple(float(v) for v in record["mean"]),
        std=tuple(float(v) for v in record["std"]),
        divisor=int(record["divisor"]),
        steps=None if arrays is None else np.asarray(arrays["steps"], np.float32),
        falling=None if arrays is None else np.asarray(arrays["falling"], np.bool_),
    )
    if rule.steps is not None and rule.steps.shape[1] != rule.high - rule.low:
        raise ValueError(f"{rule.steps.shape[1]} steps for {rule.low} to {rule.high}")
    return rule
