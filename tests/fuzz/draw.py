"""Random legal specs: what scope.md allows, each feature of fuzz.features in a share of its own."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from fuzz.spec import (
    Activation,
    IllegalSpec,
    Input,
    Layer,
    Mode,
    Norm,
    Spec,
    Style,
    Weights,
    shapes,
)

T = TypeVar("T")
_MODES: tuple[Mode, ...] = ("ROUND", "HALF_EVEN", "CEIL", "FLOOR")
_KERNELS = ((1, 1), (2, 2), (3, 3), (3, 3), (5, 5), (1, 3), (3, 1), (2, 3))
_STRIDES = ((1, 1), (1, 1), (1, 1), (1, 1), (2, 2), (1, 2), (2, 1))
_POOLS = ((2, 2), (2, 2), (3, 3), (1, 2), (2, 1), (2, 3))
_MOST_FEATURES = 400  # of a dense layer, so that a network takes a fraction of a second


def commit_seed() -> int:
    """Return a number that follows from the commit checked out here, 0 where git knows none."""
    root = Path(__file__).resolve().parents[2]
    found = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=False
    )
    text = found.stdout.strip()
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") if text else 0


def specs(seed: int) -> Iterator[Spec]:
    """Give the specs of seed, seed + 1, ... without end."""
    while True:
        yield draw(seed)
        seed += 1


def draw(seed: int) -> Spec:
    """Return the legal spec of that seed."""
    rng = np.random.default_rng(seed)
    while True:
        drawing = _Draw(rng, seed)
        spec = drawing.spec()
        spec = drawing.as_qcdq(spec) if drawing.chance(0.22) else spec
        try:
            read = shapes(spec)
        except IllegalSpec:
            continue
        if all(len(shape) == 3 or shape[0] <= _MOST_FEATURES for shape in read):
            return spec


def _unsigned(layer: Layer) -> Layer:
    """Return a layer without signs, which rounds to the nearest."""
    weights = replace(layer.weights, bits=max(layer.weights.bits, 2), mode="ROUND", as_quant=False)
    act = layer.act
    if act.is_sign:
        act = replace(act, bits=2, as_quant=False)
    return replace(layer, weights=weights, pad_value=0, act=replace(act, mode="ROUND"))


class _Draw:
    def __init__(self, rng: np.random.Generator, seed: int) -> None:
        self.rng, self.seed = rng, seed
        self.one_axis = False

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def one(self, choices: Sequence[T], weights: Sequence[float] | None = None) -> T:
        edges = np.cumsum(np.ones(len(choices)) if weights is None else weights)
        return choices[int(np.searchsorted(edges, self.rng.random() * edges[-1], side="right"))]

    def whole(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def spec(self) -> Spec:
        vectors = self.chance(0.17)
        image = self.input(vectors)
        self.one_axis = image.axes == "CL"
        layers: list[Layer] = []
        bits = 1 if image.kind == "sign" else 8
        for _ in range(0 if vectors else self.whole(1, 3)):
            layers.append(self.pooled(image, layers, self.conv(bits)))
            bits = layers[-1].act.bits if layers[-1].act.signed else 8
        conv_last = not vectors and self.chance(0.16)
        for _ in range(0 if conv_last else self.whole(1, 2) if vectors else self.whole(0, 1)):
            layers.append(self.dense(self.whole(2, 24)))
        if conv_last:
            height, width = self._map_behind(image, layers)
            layers.append(
                Layer(
                    kind="conv",
                    out=self.whole(2, 10),
                    kernel=(height, width),
                    weights=self.weights(True),
                    bias=self.bias(),
                    norm=self.last_norm(),
                )
            )
        else:
            layers.append(self.dense(self.whole(2, 10), last=True))
        score = (1.0, 0.0)
        if self.chance(0.15):
            score = (self.one((0.5, 0.1, 1.7)), self.one((0.0, 1.0, -0.3)))
        return Spec(
            input=image,
            layers=tuple(layers),
            batch=self.one((1, 4, 0), (0.7, 0.15, 0.15)),
            score=score,
            end=self.one(("", "Softmax", "LogSoftmax", "ArgMax"), (0.8, 0.1, 0.05, 0.05)),
            flatten=self.one(("Flatten", "Reshape")),
            seed=self.seed,
        )

    def _map_behind(self, image: Input, layers: Sequence[Layer]) -> tuple[int, int]:
        probe = Layer(kind="conv", out=1, kernel=(1, 1))
        try:
            _, height, width = shapes(Spec(input=image, layers=(*layers, probe, Layer())))[-3]
        except IllegalSpec:
            return (1, 1)  # the whole network is illegal and is drawn again
        return (height, width)

    def pooled(self, image: Input, before: Sequence[Layer], layer: Layer) -> Layer:
        """Give a convolution a pool that divides its map; its norm then falls more often."""
        height, width = self._map_behind(image, [*before, layer])
        pools = [(1, p[1]) for p in _POOLS] if self.one_axis else _POOLS
        fitting = [p for p in pools if max(p) > 1 and height >= p[0] and width >= p[1]]
        if not fitting or self.chance(0.25):
            return layer
        pool = self.one(fitting)
        norm = layer.norm
        norm = replace(norm, negative=norm.negative or (norm.kind != "" and self.chance(0.7)))
        at = self.one(("sums", "norm", "codes"), (0.33, 0.34, 0.33))
        every = (0, 0)
        if self.chance(0.3):
            every = (self.whole(1, pool[0]), self.whole(1, pool[1]))
        pads = (0, 0, 0, 0)
        if self.chance(0.25):
            pads = tuple(self.whole(0, min(1, side - 1)) for side in pool * 2)
        average = self.whole(2, 6) if self.chance(0.25) else 0
        at = "codes" if average else at
        return replace(
            layer,
            pool=pool,
            pool_at=at,
            norm=norm,
            every=every,
            pool_pads=pads,
            average=average,
        )

    def input(self, vectors: bool) -> Input:
        height = self.whole(4, 13)
        width = height if self.chance(0.4) else self.whole(4, 13)
        channels = self.one((1, 2, 3, 4, 7), (0.3, 0.07, 0.5, 0.07, 0.06))
        axes = self.one(("CHW", "HWC", "CL"), (0.7, 0.15, 0.15))
        flat = self.one(("vector", "flatten"), (0.7, 0.3)) if vectors else ""
        if vectors:
            axes, height, channels = "CHW", self.whole(3, 9), self.one((1, 3))
            width = height if flat == "vector" else self.whole(3, 9)
        if axes == "CL":
            height, width = 1, self.whole(6, 40)
        kind = self.one(("pixels", "sign", "quant"), (0.13, 0.14, 0.73))
        annotated = kind == "pixels" or (kind == "quant" and self.chance(0.22))
        scaling = (1.0, 0.0)
        if self.chance(0.4):
            scaling = self.one(((2.0, 1.0), (2.0, 1.0), (1.0, 0.5), (3.7, 1.3)))
        bits = 8 if kind == "pixels" or self.chance(0.7) else self.whole(2, 7)
        signed = kind == "quant" and self.chance(0.5)
        styles: tuple[Style, ...] = ("one", "power2", "free", "decimal")
        return Input(
            shape=(height, width, channels),
            axes=axes,
            late=axes == "HWC" and self.chance(0.5),
            normed=not annotated and self.chance(0.25),
            flat=flat,
            kind=kind,
            annotated=annotated,
            scaling=scaling if kind == "quant" else (1.0, 0.0),
            bits=bits,
            signed=signed,
            narrow=kind == "quant" and self.chance(0.2),
            mode=self.one(_MODES, (0.55, 0.15, 0.15, 0.15)),
            style=self.one(styles, (0.35, 0.3, 0.2, 0.15)) if kind == "quant" else "one",
        )

    def weights(self, per_channel: bool) -> Weights:
        bits = self.one((1, 2, 3, 4, 8), (0.35, 0.16, 0.16, 0.16, 0.17))
        styles: tuple[Style, ...] = ("one", "power2", "decimal", "free")
        return Weights(
            bits=bits,
            style=self.one(styles, (0.3, 0.2, 0.25, 0.25)),
            per_channel=per_channel and self.chance(0.35),
            narrow=bits > 1 and self.chance(0.5),
            mode=self.one(_MODES, (0.85, 0.05, 0.05, 0.05)),
            as_quant=bits == 1 and self.chance(0.35),
        )

    def conv(self, bits_before: int) -> Layer:
        weights, kernels = self.weights(True), self.kernels()
        kernel = self.one(kernels)
        minus_one = bits_before == 1 and self.chance(0.75)
        if minus_one:
            weights = replace(weights, bits=1, narrow=False)
            kernel = self.one([k for k in kernels if max(k) > 1])
        pads, pad_value, auto_pad = (0, 0, 0, 0), 0, False
        if not minus_one and self.chance(0.12):
            auto_pad = True
        elif minus_one or self.chance(0.75):
            top, left = self.whole(0, kernel[0] // 2), self.whole(0, kernel[1] // 2)
            pads = (top, left, top, left)
            if self.chance(0.2):
                pads = (top, left, 0 if self.one_axis else self.whole(0, 1), self.whole(0, 1))
            pad_value = -1 if minus_one and any(pads) else 0
        return Layer(
            kind="conv",
            out=self.whole(2, 13),
            kernel=kernel,
            strides=self.strides(),
            pads=pads,
            pad_value=pad_value,
            auto_pad=auto_pad,
            weights=weights,
            bias=self.bias(),
            norm=self.norm(),
            act=self.act(),
        )

    def kernels(self) -> tuple[tuple[int, int], ...]:
        return tuple((1, k[1]) for k in _KERNELS) if self.one_axis else _KERNELS

    def strides(self) -> tuple[int, int]:
        found = self.one(_STRIDES)
        return (1, found[1]) if self.one_axis else found

    def dense(self, out: int, *, last: bool = False) -> Layer:
        layer = Layer(
            kind="dense",
            out=out,
            weights=self.weights(True),
            product=self.one(("MatMul", "Gemm", "Gemm transB"), (0.5, 0.2, 0.3)),
            transposed=self.chance(0.3),
        )
        if last:
            return replace(layer, bias=self.bias(), norm=self.last_norm())
        return replace(layer, bias=self.bias(), norm=self.norm(), act=self.act())

    def bias(self) -> str:
        return self.one(("", "float", "int8", "int16", "int32"), (0.55, 0.22, 0.11, 0.06, 0.06))

    def norm(self) -> Norm:
        kind = self.one(("", "mul_add", "batch_norm"), (0.3, 0.1, 0.6))
        if not kind:
            return Norm()
        return Norm(kind, self.chance(0.5), self.whole(1, 2) if self.chance(0.3) else 0)

    def last_norm(self) -> Norm:
        return self.norm() if self.chance(0.25) else Norm()

    def zero(self, bits: int, signed: bool, share: float = 0.2) -> int:
        """Give a share of the quantisers a zero point that is one of their codes."""
        low = -(2 ** (bits - 1)) if signed else 0
        return self.whole(low + 1, low + 2**bits - 2) if bits > 1 and self.chance(share) else 0

    def as_qcdq(self, spec: Spec) -> Spec:
        """Return the network in QCDQ: two bits for signs, and rounding to the nearest."""
        image = spec.input
        if image.kind == "sign":
            image = replace(image, kind="quant")
        annotated = image.kind == "pixels"
        image = replace(image, annotated=annotated, mode=self.one(("ROUND", "HALF_EVEN")))
        layers = [_unsigned(layer) for layer in spec.layers]
        for k, layer in enumerate(layers):
            if self.chance(0.5):
                zero = self.zero(layer.act.bits, layer.act.signed, 1.0)
                layers[k] = replace(layer, act=replace(layer.act, zero=zero))
        return replace(spec, form="qcdq", input=image, layers=tuple(layers))

    def act(self) -> Activation:
        bits = 1 if self.chance(0.4) else self.one((2, 3, 4, 5, 6, 8), (4, 3, 3, 1, 1, 3))
        signed = self.chance(0.85 if bits == 1 else 0.5)
        clips = ("", "relu", "relu6", "hardtanh", "clip")
        before = self.one(clips, (0.48, 0.16, 0.1, 0.13, 0.13))
        if bits == 1 and signed and before in ("relu", "relu6"):
            before = "hardtanh"  # a sign behind a Relu is always +1, and refused
        again = self.one(("", "same", "coarser"), (0.87, 0.07, 0.06))
        if bits <= 2 and again == "coarser":
            again = "same"
        styles: tuple[Style, ...] = ("one", "power2", "decimal", "free", "halves")
        shares = (0.5, 0.2, 0.1, 0.1, 0.1) if bits == 1 else (0.02, 0.23, 0.2, 0.25, 0.3)
        return Activation(
            bits=bits,
            signed=signed,
            narrow=bits > 1 and self.chance(0.3),
            zero=self.zero(bits, signed),
            mode=self.one(_MODES, (0.4, 0.2, 0.2, 0.2)),
            style=self.one(styles, shares),
            before=before,
            again=again,
            as_quant=bits == 1 and self.chance(0.3),
        )
