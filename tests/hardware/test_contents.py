"""Memory images read back give what the network computes."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from driver.packing import unpack_words
from flow.hardware.kernels.matrix_vector import MatrixVector
from flow.hardware.kernels.matrix_vector_memory import (
    stored_thresholds,
    threshold_rows,
    weight_rows,
)
from flow.hardware.reference import mvu_xnor


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_images_of_bits_hold_what_is_computed(data: st.DataObject) -> None:
    """Weights and thresholds read back from the images give the outputs of the dot products."""
    pe = data.draw(st.sampled_from([1, 2, 3]))
    simd = data.draw(st.sampled_from([1, 2, 3, 5]))
    nf, sf = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 4))
    flagged = data.draw(st.booleans())
    mh, mw = pe * nf, simd * sf
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    weights = rng.choice([-1, 1], (mh, mw))
    thresholds = rng.integers(-mw - 3, mw + 4, (mh, 1))
    kernel = MatrixVector(mw, mh, pe, simd, pad_flags=flagged)
    x = rng.choice([-1, 1], mw)
    mask = np.repeat(rng.random(sf) < 0.4, simd) if flagged else np.zeros(mw, bool)
    x[mask] = 0

    of_weights, of_thresholds = kernel.memories()
    rows = weight_rows(kernel, weights)
    assert rows.shape == (of_weights.depth, -(-of_weights.width_bits // 8))
    bits = unpack_words(rows, pe * simd, 1, signed=False)
    read = bits.reshape(nf, sf, pe, simd).transpose(0, 2, 1, 3).reshape(mh, mw)
    rows = threshold_rows(kernel, thresholds)
    assert rows.shape == (of_thresholds.depth, -(-of_thresholds.width_bits // 8))
    width, chunks = of_thresholds.width_bits // pe, kernel.thresh_chunks
    parts = unpack_words(rows, pe, width, signed=False)
    parts = parts.reshape(nf, chunks, pe) << (width * np.arange(chunks))[:, None]
    stored = parts.sum(axis=1).reshape(-1)
    dot = mvu_xnor((x > 0).astype(np.int64)[None], read, mask[None])[0]
    counted = (dot + mw) * kernel.count_scale // 2  # what the module accumulates
    assert np.array_equal(counted >= stored, weights @ x >= thresholds[:, 0])


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_images_of_wide_weights_and_several_thresholds(data: st.DataObject) -> None:
    """Read back from the images they give the codes of the sums."""
    pe, simd = data.draw(st.sampled_from([1, 2, 3])), data.draw(st.sampled_from([1, 2, 5]))
    nf, sf, bits = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 4)), 4
    steps = data.draw(st.sampled_from([2, 3, 7]))
    mh, mw = pe * nf, simd * sf
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    weights = rng.integers(-8, 8, (mh, mw))
    thresholds = np.sort(rng.integers(-40, 41, (mh, steps)), axis=1)
    kernel = MatrixVector(
        mw, mh, pe, simd, in_bits=3, weight_bits=bits, steps=steps, code_bits=4, acc_bits=12
    )
    x = rng.integers(0, 8, mw)

    words = unpack_words(weight_rows(kernel, weights), pe * simd, bits, signed=True)
    read = words.reshape(nf, sf, pe, simd).transpose(0, 2, 1, 3).reshape(mh, mw)
    width = kernel.memories()[1].width_bits // (pe * steps)
    assert width == kernel.thresh_bits
    stored = unpack_words(threshold_rows(kernel, thresholds), pe * steps, width, signed=True)
    assert np.array_equal(stored.reshape(mh, steps), thresholds)
    assert np.array_equal(read @ x, weights @ x)


def test_unreachable_thresholds_are_stored_as_always_and_never() -> None:
    kernel = MatrixVector(4, 2, pe=1, simd=2)
    assert stored_thresholds(kernel, np.array([[-99], [99]])).tolist() == [[0], [5]]
    assert kernel.thresh_bits == 3
