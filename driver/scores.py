"""What the accelerator's integers stand for, and which class they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from typing import Any, Dict, Tuple

    from numpy.typing import NDArray


class ScoreMap(NamedTuple):
    """The network's output from integer scores: score * scale + offset, each class its own.

    Computed in float64, the product rounded once and the sum once, everywhere: in golden, in the
    driver, in reports. The class is the first one with the greatest output. Where all classes share
    one positive scale and one offset, that is the first one with the greatest score.

    softmax_divisor: the output is divided by this before softmax. It is the square root of the
    inputs of the last layer, as in training, and 1 where the file itself ends with a Softmax.
    """

    scale: Tuple[float, ...]
    offset: Tuple[float, ...]
    softmax_divisor: float = 1.0

    def real(self, scores: NDArray[Any]) -> NDArray[np.float64]:
        """Return the network's output, float64 (..., classes), for integer scores of that shape."""
        scaled = np.asarray(scores).astype(np.float64) * np.asarray(self.scale, np.float64)
        return scaled + np.asarray(self.offset, np.float64)

    def predicted(self, scores: NDArray[Any]) -> NDArray[np.int64]:
        """Return the class of each row of scores (..., classes); a tie goes to the lower one."""
        found: NDArray[np.int64] = np.argmax(self.real(scores), axis=-1)
        return found

    def order(self, scores: NDArray[Any]) -> NDArray[np.int64]:
        """Return the classes of scores (..., classes), the greatest output first."""
        found: NDArray[np.int64] = np.argsort(-self.real(scores), axis=-1, kind="stable")
        return found

    def probabilities(self, scores: NDArray[Any]) -> NDArray[np.float64]:
        """Return softmax of the output, float64 (..., classes)."""
        logits = self.real(scores) / self.softmax_divisor
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        shares: NDArray[np.float64] = powers / powers.sum(axis=-1, keepdims=True)
        return shares


def score_map_from_record(record: Dict[str, Any]) -> ScoreMap:
    """Return what `ScoreMap._asdict` wrote; KeyError, TypeError or ValueError for another thing."""
    scale, offset = (tuple(float(v) for v in record[key]) for key in ("scale", "offset"))
    if len(scale) != len(offset):
        raise ValueError(f"{len(scale)} scales and {len(offset)} offsets of scores")
    return ScoreMap(scale, offset, float(record["softmax_divisor"]))
