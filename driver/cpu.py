"""Run a network on this computer's processor: the compiled model of the accelerator.

The library is made by the flow (stage cppsim). NumPy only and Python 3.8, like all of the driver.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

ABI = 2
"""Version of the library's interface that this file speaks."""

_ERRORS = {
    -1: "this processor cannot run the instruction set asked for",
    -2: "there is not enough memory",
    -3: "the library failed",
}


class CpuBackend:
    """A compiled network, ready to run.

    library: the file cppsim.so. isa: "auto", or one of "avx512", "avx2" and "portable". threads:
    None for as many as there are processors. Raises OSError if the file cannot be loaded and
    ValueError for an instruction set this machine does not have.
    """

    def __init__(self, library: Path, isa: str = "auto", threads: int | None = None) -> None:
        self._library = ctypes.CDLL(str(Path(library).resolve()))
        _declare(self._library)
        found = self._library.bnn_abi()
        if found != ABI:
            raise ValueError(
                f"{library}: has interface {found}, this driver speaks {ABI}; build it again"
            )
        variant = self._library.bnn_variant(isa.encode())
        if variant is None:
            raise ValueError(
                f"isa={isa!r}: not known, or this processor does not have it; use 'auto'"
            )
        self.isa = variant.decode()
        """The instruction set that runs."""
        self.threads = threads or len(os.sched_getaffinity(0))
        self.identity = self._library.bnn_identity().decode()
        """sha256 of the layers and weights in the library."""
        shape = (ctypes.c_int32 * 3)()
        self._library.bnn_image_shape(shape)
        self.image_shape = (shape[0], shape[1], shape[2])
        """Height, width and channels of an image."""
        self.layers = [_Layer(self._library, k) for k in range(self._library.bnn_layers())]
        self._scores = self.layers[-1]

    @property
    def classes(self) -> int:
        """Number of scores of an image."""
        height, width, channels = self._scores.shape
        return height * width * channels

    def run(self, images: NDArray[np.uint8]) -> NDArray[np.int32]:
        """Return the scores, int32 (N, classes), of images uint8 or int8 (N, H, W, C).

        Raises ValueError for images of another type or shape.
        """
        return self._run(images, None)

    def run_with_layers(
        self, images: NDArray[np.uint8]
    ) -> tuple[NDArray[np.int32], dict[str, NDArray[np.int16]]]:
        """Return the scores and every other layer's output by name.

        An output is int16 (N, H, W, channels): codes, or -1 and +1.
        """
        buffers = [layer.buffer(len(images)) for layer in self.layers[:-1]]
        pointers = (ctypes.c_void_p * len(self.layers))(*[b.ctypes.data for b in buffers], None)
        scores = self._run(images, pointers)
        outputs = {}
        for layer, buffer in zip(self.layers, buffers):  # noqa: B905  # strict= needs Python 3.10
            outputs[layer.name] = layer.values(buffer)
        return scores, outputs

    def popcount_peak(self, seconds: float = 0.2) -> float:
        """Return the bits a second that one thread can count when they are in registers."""
        peak: float = self._library.bnn_popcount_peak(self.isa.encode(), seconds)
        return peak

    def _run(self, images: NDArray[np.uint8], taps: Any) -> NDArray[np.int32]:
        bytes_only = images.dtype in (np.uint8, np.int8)
        if not bytes_only or images.ndim != 4 or images.shape[1:] != self.image_shape:
            raise ValueError(
                f"images are {images.dtype} {images.shape}; "
                f"this network takes uint8 (N, {', '.join(map(str, self.image_shape))}), or int8"
            )
        pixels = np.ascontiguousarray(images).view(np.uint8)
        scores = np.empty((len(images), self.classes), np.int32)
        status = self._library.bnn_run(
            pixels.ctypes.data_as(ctypes.c_void_p),
            len(images),
            scores.ctypes.data_as(ctypes.c_void_p),
            taps,
            self.threads,
            self.isa.encode(),
        )
        if status != 0:
            raise RuntimeError(f"cpu backend: {_ERRORS.get(status, f'status {status}')}")
        return scores


class _Layer:
    """Name, shape and packing of one layer's output."""

    def __init__(self, library: ctypes.CDLL, index: int) -> None:
        values = (ctypes.c_int32 * 5)()
        library.bnn_layer_shape(index, values)
        self.name = library.bnn_layer_name(index).decode()
        self.shape = (values[0], values[1], values[2])
        self._codes = values[3] == 1

    def buffer(self, images: int) -> NDArray[Any]:
        """Return room for the outputs of `images` images, as the library packs them."""
        height, width, channels = self.shape
        if self._codes:
            return np.zeros((images, height, width, (channels + 1) // 2 * 2), np.int16)
        return np.zeros((images, height, width, (channels + 63) // 64), np.uint64)

    def values(self, buffer: NDArray[Any]) -> NDArray[np.int16]:
        """Return the values in a filled buffer."""
        channels = self.shape[2]
        if self._codes:
            return np.ascontiguousarray(buffer[..., :channels])
        bits = np.unpackbits(buffer.view(np.uint8), axis=-1, bitorder="little")[..., :channels]
        return bits.astype(np.int16) * np.int16(2) - np.int16(1)


def _declare(library: ctypes.CDLL) -> None:
    """Say what the library's functions take and give."""
    int32, text = ctypes.c_int32, ctypes.c_char_p
    library.bnn_abi.restype = int32
    library.bnn_identity.restype = text
    library.bnn_layers.restype = int32
    library.bnn_layer_name.restype = text
    library.bnn_layer_name.argtypes = [int32]
    library.bnn_layer_shape.restype = None
    library.bnn_layer_shape.argtypes = [int32, ctypes.POINTER(int32)]
    library.bnn_image_shape.restype = None
    library.bnn_image_shape.argtypes = [ctypes.POINTER(int32)]
    library.bnn_variant.restype = text
    library.bnn_variant.argtypes = [text]
    library.bnn_run.restype = int32
    library.bnn_run.argtypes = [
        ctypes.c_void_p,
        ctypes.c_int64,
        ctypes.c_void_p,
        ctypes.POINTER(ctypes.c_void_p),
        int32,
        text,
    ]
    library.bnn_popcount_peak.restype = ctypes.c_double
    library.bnn_popcount_peak.argtypes = [text, ctypes.c_double]
