"""Pictures become what the network was trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from nets import picture_rule
from PIL import Image

from driver.errors import InputError
from driver.images import load_inputs
from driver.plot import draw
from driver.scores import ScoreMap

SHAPE = (32, 32, 3)
RULE = picture_rule(SHAPE)


def test_a_picture_of_the_networks_size_is_taken_as_it_is(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    pixels = rng.integers(0, 256, SHAPE, dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    names, integers, images = load_inputs(tmp_path / "a.png", RULE)
    assert integers is images
    assert names == ["a.png"]
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, pixels[None])


def test_a_photo_is_cropped_in_the_middle_and_averaged(tmp_path: Path) -> None:
    pixels = np.zeros((64, 128, 3), np.uint8)
    pixels[:, 32:96] = np.kron(np.arange(32)[None, :, None], np.ones((64, 2, 3))).astype(np.uint8)
    pixels[:, :32] = 255
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    _, images, _ = load_inputs(tmp_path / "wide.png", RULE)
    wanted = np.broadcast_to(np.arange(32)[None, :, None], SHAPE)
    np.testing.assert_array_equal(images[0], wanted)


def test_a_photo_lying_on_its_side_is_turned_upright(tmp_path: Path) -> None:
    pixels = np.zeros(SHAPE, np.uint8)
    pixels[:16] = 255
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    Image.fromarray(pixels).save(tmp_path / "turned.png", exif=exif)
    _, images, _ = load_inputs(tmp_path / "turned.png", RULE)
    np.testing.assert_array_equal(images[0], pixels[::-1])


def test_a_folder_gives_its_pictures_by_name(tmp_path: Path) -> None:
    for name in ("b.png", "a.jpg"):
        Image.new("RGB", (40, 40)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    names, images, _ = load_inputs(tmp_path, RULE)
    assert names == ["a.jpg", "b.png"]
    assert images.shape == (2, *SHAPE)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (
            np.zeros((2, 3, 31, 32), np.uint8),
            r"is uint8 \(2, 3, 31, 32\); this network takes \(N, 3, 32, 32\) as in its file, or",
        ),
        (np.zeros((2, *SHAPE), np.float32), r"is float32"),
        (np.zeros((0, *SHAPE), np.uint8), r"holds no input"),
    ],
)
def test_an_array_of_another_shape_is_refused(tmp_path: Path, array: np.ndarray, said: str) -> None:
    np.save(tmp_path / "x.npy", array)
    with pytest.raises(InputError, match=said):
        load_inputs(tmp_path / "x.npy", RULE)


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_text("text")
    with pytest.raises(InputError, match=r"x.jpg is no picture that Pillow reads"):
        load_inputs(tmp_path / "x.jpg", RULE)
    with pytest.raises(InputError, match=r"there is no file or folder"):
        load_inputs(tmp_path / "none.jpg", RULE)
    (tmp_path / "x.npy").write_text("text")
    with pytest.raises(InputError, match=r"x.npy is no .npy or .npz file of numbers"):
        load_inputs(tmp_path / "x.npy", RULE)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"has no pictures"):
        load_inputs(tmp_path / "empty", RULE)


def test_plot_shows_the_image_and_a_bar_for_each_class() -> None:
    shares = ScoreMap((1.0,) * 3, (0.0,) * 3).probabilities(np.array([[0, 2, 0]]))[0]
    assert shares.sum() == pytest.approx(1.0)
    assert int(np.argmax(shares)) == 1
    image = np.full(SHAPE, 200, np.uint8)
    picture = np.asarray(draw(image, shares, ["cat", "dog", "ship"]))
    bars = [(picture == colour).all(axis=2).sum() for colour in ((31, 119, 80), (150, 170, 190))]
    assert bars[0] > bars[1] > 0
    assert (picture[16:272, 16:272] == 200).all()
