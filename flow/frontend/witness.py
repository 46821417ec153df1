"""The witness: others execute the user's own file, and golden has to agree with it at every tap.

It is independent of our reader. The file's nodes run in topological order: standard ones (all those
of a QCDQ file) in onnxruntime, QONNX's quantisers by qonnx's operators. Behind a quantiser that is
a tap of the golden model its codes are compared with golden's of the same images and then replaced
by golden's real values (codes * scale): an allowed difference does not spread, every segment
between two taps is checked by itself, and by induction the whole.

**What may differ.** Both sides compute in float32, in different orders, so a real value that lies
on a rounding boundary may fall to either side. Golden's code is allowed where it is the code of
some number within ALLOWED_ULP ulp of the segment's exact value:

    Q(v - 4 ulp(m)) <= golden's code <= Q(v + 4 ulp(m))

Q is the file's own quantiser, in qonnx or in ONNX's reference implementation (so clip edges,
rounding modes and signs need no words of ours), v the real value in front of it, and ulp(m) =
m / 2**23 the float32 spacing at size m.

- m is the **uncancelled size**: v with every term taken by its magnitude. It is sum |x||w| + |bias|
  behind a product, (m + |mean|) |scale| / sqrt(variance + eps) + |bias| behind a
  BatchNormalization, the largest m behind a maximum. A BatchNormalization that cancels, or a sum
  whose terms do, has errors of this size and not of its result's.
- v is the segment **in float64**, from golden's real values in front of it and the file's float32
  constants, where it agrees with the float32 result up to the error bound of a sum of K
  products (K m / 2**24; exact.py), else that result itself. It sums K rounded products and
  its sum may be off by sqrt(K) and more ulp; golden's accumulators are exact integers, so its
  distance from the exact value does not grow with K, and the rule need not either.

Golden's own roundings on the way: the file's weight and activation values stand for code * scale
within half an ulp each, the scales' product, x * scale, + bias, the BatchNormalization's factor
(3.5 halves) and x * a + b, the division by the quantiser's scale: 11 or 12 halves of ulp(m) if all
were full and of one sign, 2 halves as a random sum.

Where float32 rounds nowhere on the way (code * scale is exact, and every node of the segment gives
in float32 what it gives in float64: scales that are powers of two, sums of codes, a dead channel's
bias) no code may differ: there a value on a boundary has one right code, half to even for ROUND.

Scores: |v - (score * scale + offset)| <= 4 ulp(m), the same v and m. Where the scores
are accumulators this fixes them as integers unless one step is less than 8 ulp(m).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto

from flow.data.input_values import real_values
from flow.frontend.exact import ULP, exact
from flow.frontend.execution import Array, Execution, Tensors, rounded
from flow.frontend.golden.model import SCORES, GoldenModel, Tap
from flow.frontend.golden.session import GoldenSession
from flow.frontend.quantiser import quantiser_of

ALLOWED_ULP = 4.0


@dataclass(frozen=True)
class WitnessReport:
    """What the witness says of a golden model on some images."""

    images: int
    executor: str
    """Who executed the file's quantisers: qonnx, or onnxruntime where it is all standard ONNX."""
    tensors: int
    """Tensors compared for each image, the scores included."""
    codes: int
    """Codes and scores compared, over all images."""
    near_boundary: int
    """Codes that differ and may: golden's is the code of a number within 4 ulp of a rounded one."""
    difference: str
    """Empty, or the first code or score that may not differ: tap, image, position, both values."""
    widest_ulp: float = 0.0
    """The largest distance among the codes of `near_boundary`."""
    scores_ulp: float = 0.0
    """The largest distance of a score from the file's own value."""

    @property
    def agrees(self) -> bool:
        """Whether nothing differs but what may."""
        return not self.difference


class _Differs(Exception):
    """Ends the run at the first difference."""


def compare_with_file(
    model: onnx.ModelProto,
    golden: GoldenModel,
    images: Array,
    *,
    values: NDArray[np.float32] | None = None,
    found: Mapping[str, Array] | None = None,
    progress: Callable[[int, int | None, str], None] = lambda done, total, text: None,
) -> WitnessReport:
    """Execute `model`, the user's own file, and compare every tap and score with golden's.

    images: integers (N, H, W, C), as golden takes them. values: float32 of the same order, what
    they were made of; where they are left out, numbers that give these integers. found: what
    `GoldenSession.run_with_taps` gave for them, run here if left out. A file with a fixed batch
    runs that many images at a time, the last one repeated, so that it is executed as it is.
    UserError for a file that nobody can run.
    """
    found = GoldenSession(golden).run_with_taps(images) if found is None else found
    real = real_values(golden.input, images) if values is None else values
    inputs = golden.input.as_in_file(real)
    execution = Execution(model)
    run = _Run(execution, golden, found)
    try:
        for start in range(0, len(images), execution.batch):
            progress(start, len(images), "images")
            run.batch(inputs, start)
    except _Differs as differs:
        run.difference = str(differs)
    return WitnessReport(
        images=len(images),
        executor=execution.executor,
        tensors=len(golden.taps) + 1,
        codes=run.codes,
        near_boundary=run.near_boundary,
        difference=run.difference,
        widest_ulp=run.widest,
        scores_ulp=run.scores_ulp,
    )


@dataclass
class _Run:
    """The state of one comparison; `start` and `count` are the images of the current pass."""

    execution: Execution
    golden: GoldenModel
    found: Mapping[str, Array]
    start: int = 0
    count: int = 0
    codes: int = 0
    near_boundary: int = 0
    widest: float = 0.0
    scores_ulp: float = 0.0
    difference: str = ""
    reached: dict[str, NDArray[np.bool_]] = field(default_factory=dict)

    def batch(self, inputs: Array, start: int) -> None:
        """Compare the file's next batch of inputs, (N, ...) as the file takes them."""
        size = self.execution.batch
        part = inputs[start : start + size]
        self.start, self.count, self.reached = start, len(part), {}
        taps = {tap.source: tap for tap in self.golden.taps}

        def forced(name: str, node: NodeProto | None, context: Tensors) -> None:
            if name in taps:
                self._tap(taps[name], node, context)

        context = self.execution.run(self._filled(part), forced)
        missing = [tap.source for tap in self.golden.taps if tap.source not in self.reached]
        if missing:
            raise _Differs(f"golden has a tap of '{missing[0]}', which the file does not compute")
        self._scores(context)

    def _filled(self, values: Array) -> Array:
        """Repeat the last image until the file's batch is full."""
        lacking = self.execution.batch - len(values)
        return np.concatenate([values, np.repeat(values[-1:], lacking, axis=0)])

    def _of_golden(self, name: str) -> Array:
        return self._filled(self.found[name][self.start : self.start + self.count])

    def _tap(self, tap: Tap, node: NodeProto | None, context: Tensors) -> None:
        computed = context[tap.source]
        scale = np.float32(tap.scale)
        codes = self._of_golden(tap.name).astype(np.float32)
        if codes.shape != computed.shape:
            raise _Differs(
                f"{tap.name} ({tap.source}): golden's shape is {codes.shape[1:]}, the file's "
                f"{computed.shape[1:]}"
            )
        theirs = np.rint(computed / scale).astype(np.float32)
        off = theirs * scale != computed
        if off.any():
            raise _Differs(
                f"{self._where(tap, np.argwhere(off)[0])}: the file gives "
                f"{computed[off][0]:.9g}, no multiple of golden's scale {scale:.9g}"
            )
        differs = theirs != codes
        if differs.any():
            self._judge(tap, node, context, codes, theirs)
        self.codes += codes[: self.count].size
        context[tap.source] = (codes * scale).astype(computed.dtype)
        self.reached[tap.source] = rounded(context[tap.source], np.asarray(scale))

    def _judge(
        self, tap: Tap, node: NodeProto | None, context: Tensors, codes: Array, theirs: Array
    ) -> None:
        """Count the codes that may differ; raise at the first that may not."""
        differs = theirs != codes
        first = np.argwhere(differs)[0]
        if node is None:
            raise _Differs(
                f"{self._where(tap, first)}: golden reads the input as {codes[tuple(first)]:g}, "
                f"the file takes {theirs[tuple(first)]:g}"
            )
        source, quantiser = quantiser_of(self.execution, node, context, differs, tap.scale)
        before = exact(self.execution, source, context, self.reached)
        value = before.refined(context[source])
        size = before.size + np.abs(quantiser.shift(value.shape))
        ulp = np.maximum(size * ULP, before.ulp)
        distances = quantiser.distances(value[differs], ulp[differs], codes[differs])
        allowed = np.where(before.rounded[differs], ALLOWED_ULP, -1.0)
        wrong = distances > allowed
        if wrong.any():
            k = int(np.flatnonzero(wrong)[0])
            position = np.argwhere(differs)[k]
            spot = tuple(position)
            scaled = quantiser.scaled(value[differs])[k]
            raise _Differs(
                f"{self._where(tap, position)}: golden's code is {codes[spot]:g}, the file's "
                f"{theirs[spot]:g}; real value {value[spot]:.9g} "
                f"(x / scale + zero = {scaled:.9g}), {distances[k]:.3g} ulp from golden's code, "
                f"{_allowance(allowed[k])}; {int(wrong.sum())} of {codes.size} codes"
            )
        inside = np.argwhere(differs)[:, 0] < self.count  # not an image that fills the batch
        self.near_boundary += int(inside.sum())
        self.widest = max(self.widest, float(distances.max()))

    def _scores(self, context: Tensors) -> None:
        output = self.golden.output
        before = exact(self.execution, output, context, self.reached)
        computed = context[output].reshape(self.execution.batch, -1)
        scores = self._of_golden(SCORES).astype(np.float64)
        if scores.shape != computed.shape:
            raise _Differs(f"scores: golden has {scores.shape[1:]}, the file {computed.shape[1:]}")
        value = before.refined(context[output]).reshape(computed.shape)
        ulp = before.ulp.reshape(computed.shape)
        real = self.golden.score_map.real(scores)
        ulp = np.maximum(ulp, np.abs(self.golden.score_map.offset) * ULP)
        distances = np.abs(real - value) / ulp
        wrong = ~(distances <= ALLOWED_ULP)
        if wrong.any():
            k, number = np.argwhere(wrong)[0]
            raise _Differs(
                f"scores ({output}), image {self.start + k}, class {number}: golden's is "
                f"{scores[k, number]:.9g}, real value {real[k, number]:.9g}; the file's is "
                f"{computed[k, number]:.9g}, exactly {value[k, number]:.9g}, "
                f"{distances[k, number]:.3g} ulp away, {ALLOWED_ULP:g} are allowed"
            )
        self.codes += scores[: self.count].size
        self.scores_ulp = max(self.scores_ulp, float(distances.max()))

    def _where(self, tap: Tap, position: Any) -> str:
        image, *rest = (int(v) for v in position)
        at = ", ".join(map(str, rest))
        return f"{tap.name} ({tap.source}), image {self.start + image}, at ({at})"


def _allowance(ulp: float) -> str:
    return f"{ulp:g} are allowed" if ulp > 0 else "but nothing is rounded on the way to it"
