"""The golden function is one function: neither batch size nor threads change a bit of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from nets import Net, random_images, small_net

from flow.data.cifar10 import load_cifar10
from flow.data.images import ImageSet
from flow.errors import UserError
from flow.frontend.golden import (
    GoldenSession,
    blind_channels,
    evaluate,
    is_blind,
    load_onnx,
    lower_to_plain_onnx,
)


def test_batch_size_and_threads_change_no_bit() -> None:
    golden = lower_to_plain_onnx(small_net(bits=4, scale=1 / 7, seed=3).build())
    images = random_images(13, golden.image_shape)
    whole = GoldenSession(golden, threads=1).run_with_taps(images, accumulators=True)
    for threads, batch in ((1, 1), (2, 5), (3, 13)):
        session = GoldenSession(golden, threads=threads)
        for start in range(0, len(images), batch):
            part = session.run_with_taps(images[start : start + batch], accumulators=True)
            for name, values in part.items():
                np.testing.assert_array_equal(values, whole[name][start : start + batch], name)


def test_batch_size_and_threads_change_no_bit_of_cnv(cnv_path: Path) -> None:
    golden = lower_to_plain_onnx(load_onnx(cnv_path))
    images = random_images(4, golden.image_shape)
    whole = GoldenSession(golden, threads=1).run_with_taps(images)
    for i in range(4):
        alone = GoldenSession(golden, threads=2).run_with_taps(images[i : i + 1])
        for name, values in alone.items():
            np.testing.assert_array_equal(values[0], whole[name][i], name)


def test_scores_with_and_without_taps_are_the_same() -> None:
    session = GoldenSession(lower_to_plain_onnx(small_net().build()))
    images = random_images(3, (8, 8, 3))
    np.testing.assert_array_equal(session.run(images), session.run_with_taps(images)["scores"])


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((1, 3, 8, 8), np.uint8),
        np.zeros((1, 8, 8, 3), np.float32),
        np.zeros((8, 8, 3), "u1"),
    ],
)
def test_images_of_another_form_are_refused(images: np.ndarray) -> None:
    session = GoldenSession(lower_to_plain_onnx(small_net().build()))
    with pytest.raises(UserError, match=r"this model takes uint8 \(N, 8, 8, 3\)"):
        session.run(images)


def test_cnv_classifies_real_images_well_above_chance(cnv_path: Path, cifar10_root: Path) -> None:
    seen: list[tuple[int, int]] = []
    images = load_cifar10(cifar10_root, "test").take(200)
    result = evaluate(cnv_path, images, batch=64, progress=lambda *p: seen.append(p))
    assert seen == [(64, 200), (128, 200), (192, 200), (200, 200)]
    assert result.total == 200 and result.confusion.sum() == 200
    assert result.correct == np.trace(result.confusion) == round(result.accuracy * 200)
    assert result.accuracy > 0.65  # 74.5 % on all 10,000


def test_confusion_counts_label_by_prediction(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    onnx.save(small_net().build(), str(path))
    images = random_images(12, (8, 8, 3))
    predicted = GoldenSession(lower_to_plain_onnx(load_onnx(path))).run(images).argmax(axis=1)
    labels = np.arange(12, dtype=np.int64) % 10
    labels[:4] = predicted[:4]
    names = tuple("abcdefghij")
    result = evaluate(path, ImageSet(images, labels, names, "random"), batch=5)
    assert result.correct == int((labels == predicted).sum()) >= 4
    for label, prediction in zip(labels, predicted, strict=True):
        assert result.confusion[label, prediction] > 0


def test_unlabelled_images_are_refused_for_accuracy(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    onnx.save(small_net().build(), str(path))
    images = ImageSet(random_images(1, (8, 8, 3)), np.array([-1]), (), "a folder")
    with pytest.raises(UserError, match=r"labels run from -1 .*a folder"):
        evaluate(path, images)


def test_channel_constant_over_the_images_is_blind_even_if_it_varies_in_space() -> None:
    values = np.zeros((3, 4, 2, 2), np.int64)
    values[:, 0] = np.arange(4).reshape(2, 2)  # the same pattern for every image
    values[1, 1, 0, 0] = 1
    assert blind_channels(values) == 0.75
    assert is_blind(values)
    values[2, 2:, 1, 1] = 1
    assert blind_channels(values) == 0.25
    assert not is_blind(values)


def test_blindness_needs_two_images() -> None:
    with pytest.raises(UserError, match="two images"):
        blind_channels(np.zeros((1, 4)))


def test_batch_norm_behind_a_convolution_is_not_fused_into_its_weights() -> None:
    net = Net(seed=4).image_sign().conv(3, 10, kernel=8).batch_norm(10, 5.0)
    net.add("Relu").add("Flatten", axis=1)  # without Relu it is left to the host
    session = GoldenSession(lower_to_plain_onnx(net.build()))
    images = random_images(50, (8, 8, 3))
    accumulators = session.run_with_taps(images, accumulators=True)["layer0.accumulator"]
    scale, bias, mean, variance = map(onnx.numpy_helper.to_array, net.initializers[-4:])
    a = np.float32(1) / np.sqrt(variance + np.float32(1e-5)) * scale
    expected = accumulators.reshape(50, 10).astype(np.float32) * a + (bias - mean * a)
    np.testing.assert_array_equal(session.run(images), np.maximum(expected, 0))
