"""Reading CIFAR-10 in its three forms, and the photographs used without it."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from jpeg_archive import write_archive
from nets import picture_rule
from PIL import Image

from driver.images import load_inputs
from flow.data import cifar10
from flow.data.cifar10 import load_cifar10
from flow.data.datasets import find_images, load_images, read_photograph
from flow.data.download import unpack_cifar10
from flow.data.images import CIFAR10_CLASSES
from flow.errors import UserError

RECORDS = 20


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar10, "_BATCH_RECORDS", RECORDS)


def random_batch(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return images uint8 (RECORDS, 32, 32, 3) and labels uint8 (RECORDS,)."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (RECORDS, 32, 32, 3), dtype=np.uint8)
    return images, rng.integers(0, 10, RECORDS, dtype=np.uint8)


def planes(images: np.ndarray) -> np.ndarray:
    return images.transpose(0, 3, 1, 2).reshape(len(images), -1)


def write_binary(folder: Path, name: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    images, labels = random_batch(seed)
    folder.mkdir(parents=True, exist_ok=True)
    np.concatenate([labels[:, None], planes(images)], 1).tofile(folder / f"{name}.bin")
    return images, labels


@pytest.mark.parametrize("folder", [".", "cifar-10-batches-bin"])
def test_binary_batches_are_read_pixel_for_pixel(tmp_path: Path, folder: str) -> None:
    batches = [write_binary(tmp_path / folder, f"data_batch_{k}", k) for k in range(1, 6)]
    found = load_cifar10(tmp_path, "train")
    np.testing.assert_array_equal(found.images, np.concatenate([b[0] for b in batches]))
    np.testing.assert_array_equal(found.labels, np.concatenate([b[1] for b in batches]))
    assert found.labels.dtype == np.int64
    assert found.source == "CIFAR-10"
    assert found.class_names == CIFAR10_CLASSES


def test_first_byte_of_a_binary_record_is_the_label_and_red_comes_first(tmp_path: Path) -> None:
    record = np.zeros((RECORDS, 3073), np.uint8)
    record[0, 0], record[0, 1], record[0, 1 + 1024 + 33] = 7, 250, 99
    record.tofile(tmp_path / "test_batch.bin")
    found = load_cifar10(tmp_path, "test")
    assert found.labels[0] == 7
    assert found.images[0, 0, 0].tolist() == [250, 0, 0]
    assert found.images[0, 1, 1].tolist() == [0, 99, 0]


def test_pickled_batches_are_read_pixel_for_pixel(tmp_path: Path) -> None:
    images, labels = random_batch(3)
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    batch = {b"data": planes(images), b"labels": labels.tolist(), b"batch_label": b"testing"}
    (folder / "test_batch").write_bytes(pickle.dumps(batch, protocol=2))
    found = load_cifar10(tmp_path, "test")
    np.testing.assert_array_equal(found.images, images)
    np.testing.assert_array_equal(found.labels, labels)


def test_python_2_pickles_with_the_old_numpy_module_names_are_read(tmp_path: Path) -> None:
    images, labels = random_batch(4)
    batch = {b"data": planes(images), b"labels": labels.tolist()}
    text = pickle.dumps(batch, protocol=2).replace(b"numpy._core.", b"numpy.core.")
    (tmp_path / "test_batch").write_bytes(text)
    np.testing.assert_array_equal(load_cifar10(tmp_path, "test").images, images)


class _RunsCode:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.mark),)


def test_a_pickle_that_wants_to_run_code_is_refused_unrun(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    (tmp_path / "test_batch").write_bytes(pickle.dumps({b"data": _RunsCode(mark)}))
    with pytest.raises(UserError, match=r"mkdir, which is not allowed"):
        load_cifar10(tmp_path, "test")
    assert not mark.exists()


def test_packed_jpegs_are_decoded_and_named_as_copies(tmp_path: Path) -> None:
    images, labels = random_batch(5)
    files = write_archive(tmp_path / "test.npz", images, labels)
    found = load_cifar10(tmp_path, "test")
    for image, data in zip(found.images, files, strict=True):
        np.testing.assert_array_equal(image, np.asarray(Image.open(io.BytesIO(data))))
    np.testing.assert_array_equal(found.labels, labels)
    assert found.source == "CIFAR-10 (JPEG copy)"


def test_original_batches_win_over_jpeg_copies(tmp_path: Path) -> None:
    write_archive(tmp_path / "test.npz", *random_batch(6))
    images, _ = write_binary(tmp_path, "test_batch", 7)
    np.testing.assert_array_equal(load_cifar10(tmp_path, "test").images, images)


def test_truncated_binary_batch_is_named_with_both_sizes(tmp_path: Path) -> None:
    write_binary(tmp_path, "test_batch", 1)
    path = tmp_path / "test_batch.bin"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(UserError, match=rf"test_batch\.bin has {3073 * RECORDS - 5} bytes.*61460"):
        load_cifar10(tmp_path, "test")


def test_one_missing_batch_is_named(tmp_path: Path) -> None:
    for k in (1, 2, 3, 5):
        write_binary(tmp_path, f"data_batch_{k}", k)
    with pytest.raises(UserError, match=r"data_batch_4\.bin is missing"):
        load_cifar10(tmp_path, "train")


def test_labels_of_another_data_set_are_refused(tmp_path: Path) -> None:
    np.full((RECORDS, 3073), 99, np.uint8).tofile(tmp_path / "test_batch.bin")
    with pytest.raises(UserError, match=r"labels run from 99 to 99; CIFAR-10 labels are 0 to 9"):
        load_cifar10(tmp_path, "test")


def test_truncated_pickle_is_a_user_error(tmp_path: Path) -> None:
    images, labels = random_batch(8)
    text = pickle.dumps({b"data": planes(images), b"labels": labels.tolist()})
    (tmp_path / "test_batch").write_bytes(text[: len(text) // 2])
    with pytest.raises(UserError, match=r"test_batch is not a CIFAR-10 Python batch"):
        load_cifar10(tmp_path, "test")


def test_truncated_jpeg_archive_is_a_user_error(tmp_path: Path) -> None:
    path = tmp_path / "test.npz"
    write_archive(path, *random_batch(9))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError, match=r"test\.npz is not a packed JPEG archive"):
        load_cifar10(tmp_path, "test")


def test_jpeg_archive_whose_offsets_do_not_fit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "test.npz"
    write_archive(path, *random_batch(9))
    with np.load(path) as archive:
        arrays = dict(archive)
    np.savez(path, **{**arrays, "jpeg": arrays["jpeg"][:-1]})
    with pytest.raises(UserError, match=r"do not cover 20 images"):
        load_cifar10(tmp_path, "test")


def test_undecodable_jpeg_is_named_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "test.npz"
    write_archive(path, *random_batch(9))
    with np.load(path) as archive:
        arrays = dict(archive)
    start, end = arrays["offset"][3:5]
    arrays["jpeg"] = arrays["jpeg"].copy()
    arrays["jpeg"][start:end] = 0
    np.savez(path, **arrays)
    with pytest.raises(UserError, match=r"image 3 cannot be decoded"):
        load_cifar10(tmp_path, "test")


def test_folder_without_data_is_a_user_error_even_when_photographs_exist(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"no CIFAR-10 test data in .*expected cifar-10-batches-bin"
    ):
        find_images(tmp_path, 4)


def test_unknown_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"'validation' is not known"):
        load_cifar10(tmp_path, "validation")  # type: ignore[arg-type]


def test_find_images_takes_the_first_test_images(tmp_path: Path) -> None:
    images, labels = write_binary(tmp_path, "test_batch", 11)
    found = find_images(tmp_path, 4)
    np.testing.assert_array_equal(found.images, images[:4])
    np.testing.assert_array_equal(found.labels, labels[:4])


def test_more_images_than_the_folder_has_is_a_user_error(tmp_path: Path) -> None:
    write_binary(tmp_path, "test_batch", 11)
    with pytest.raises(UserError, match=r"21 images asked for, .* has 20"):
        find_images(tmp_path, 21)


def test_photographs_are_real_varied_and_the_same_every_time() -> None:
    first, again = find_images(None, 24), find_images(None, 24)
    np.testing.assert_array_equal(first.images, again.images)
    assert first.images.shape == (24, 32, 32, 3)
    assert first.images.dtype == np.uint8
    assert first.labels.tolist() == [-1] * 24
    assert first.source == "photographs bundled with scikit-image"
    assert len({image.tobytes() for image in first.images}) == 24
    assert all(image.std() > 2 for image in first.images), "a crop is blank"


def test_fewer_photographs_are_the_first_of_more() -> None:
    np.testing.assert_array_equal(find_images(None, 5).images, find_images(None, 9).images[:5])


def test_no_images_at_all_is_refused() -> None:
    with pytest.raises(UserError, match=r"0 images asked for; ask for at least 1"):
        find_images(None, 0)


def write_folder(root: Path, split: str, names: tuple[str, ...]) -> None:
    for number, name in enumerate(names):
        folder = root / split / name
        folder.mkdir(parents=True)
        Image.fromarray(np.full((20, 30, 3), 40 * number, np.uint8)).save(folder / "a.png")


def test_folders_of_images_have_their_own_classes_and_size(tmp_path: Path) -> None:
    write_folder(tmp_path, "train", ("pear", "apple"))
    data = load_images(tmp_path, "train", (16, 16, 3))
    assert data.class_names == ("apple", "pear")
    assert data.labels.tolist() == [0, 1]
    assert data.images.shape == (2, 16, 16, 3)
    assert data.images[:, 8, 8, 0].tolist() == [40, 0]


def test_folders_with_other_classes_for_the_test_are_refused(tmp_path: Path) -> None:
    write_folder(tmp_path, "train", ("apple", "pear"))
    write_folder(tmp_path, "test", ("apple", "plum"))
    with pytest.raises(UserError, match=r"not have the same classes \(different: pear, plum\)"):
        load_images(tmp_path, "test", (16, 16, 3))


def test_folder_with_a_file_that_is_no_image_names_the_file(tmp_path: Path) -> None:
    write_folder(tmp_path, "train", ("apple",))
    (tmp_path / "train" / "apple" / "b.jpg").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"b\.jpg cannot be read as an image"):
        load_images(tmp_path, "train", (16, 16, 3))


def test_images_take_the_networks_shape_and_colours(tmp_path: Path) -> None:
    """The largest part of the middle in the network's proportions; grey by ITU-R 601."""
    for split in ("train", "test"):
        (tmp_path / split / "stripes").mkdir(parents=True)
        picture = np.zeros((20, 60, 3), np.uint8)
        picture[:, 10:50] = (200, 100, 50)  # what 1 : 2 cuts out
        Image.fromarray(picture).save(tmp_path / split / "stripes" / "a.png")
    wide = load_images(tmp_path, "test", (10, 20, 3))
    assert wide.images.shape == (1, 10, 20, 3)
    assert (wide.images == (200, 100, 50)).all()
    grey = load_images(tmp_path, "test", (20, 40, 1))
    assert grey.images.shape == (1, 20, 40, 1)
    assert set(grey.images.reshape(-1)) == {round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)}
    crops = find_images(None, 3, (28, 28, 1))
    assert crops.images.shape == (3, 28, 28, 1)
    assert crops.source == "photographs bundled with scikit-image at 28 x 28, grey"
    with pytest.raises(UserError, match=r"the network takes images of 4"):
        find_images(None, 3, (28, 28, 4))


def make_archive(folder: Path) -> tuple[Path, str]:
    """Write an archive of one file in the standard folder; return it and its MD5."""
    archive = folder / "served.tar.gz"
    content = folder / "cifar-10-batches-bin"
    content.mkdir(parents=True)
    (content / "test_batch.bin").write_bytes(b"abc")
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(content, "cifar-10-batches-bin")
    return archive, hashlib.md5(archive.read_bytes()).hexdigest()


def test_archive_is_fetched_only_when_allowed_checked_and_unpacked(tmp_path: Path) -> None:
    served, md5 = make_archive(tmp_path / "server")
    root = tmp_path / "data"
    with pytest.raises(UserError, match=r"no cifar-10-batches-bin/ and no .* with --download"):
        unpack_cifar10(root, url=served.as_uri(), md5=md5)
    folder = unpack_cifar10(root, download=True, url=served.as_uri(), md5=md5)
    assert (folder / "test_batch.bin").read_bytes() == b"abc"
    served.unlink()
    assert unpack_cifar10(root) == folder, "what is unpacked is not fetched again"


def test_archive_with_a_wrong_checksum_is_refused_and_nothing_unpacked(tmp_path: Path) -> None:
    served, _ = make_archive(tmp_path / "server")
    root = tmp_path / "data"
    with pytest.raises(UserError, match=r"has the MD5 [0-9a-f]{32}, the official archive c32a1d4"):
        unpack_cifar10(root, download=True, url=served.as_uri())
    assert not (root / "cifar-10-batches-bin").exists()


def test_unreachable_archive_is_a_user_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot be fetched .* fetch cifar-10-binary\.tar\.gz by"):
        unpack_cifar10(tmp_path, download=True, url=(tmp_path / "gone").as_uri())


def test_find_images_takes_folders_of_photographs_by_class(tmp_path: Path) -> None:
    """A network trained on one's own photographs is checked on them."""
    for split in ("train", "test"):
        for name, shade in (("dark", 10), ("light", 240)):
            folder = tmp_path / split / name
            folder.mkdir(parents=True)
            for k in range(2):
                Image.fromarray(np.full((40, 48, 3), shade + k, np.uint8)).save(folder / f"{k}.png")
    found = find_images(tmp_path, 4)
    assert found.class_names == ("dark", "light")
    assert found.images.shape == (4, 32, 32, 3)
    assert found.labels.tolist() == [0, 0, 1, 1]
    assert found.images[:, 0, 0, 0].tolist() == [10, 11, 240, 241]


@pytest.mark.parametrize("size", [(20, 24), (90, 60), (32, 32)])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_training_and_the_board_prepare_a_picture_alike(
    tmp_path: Path, rng: np.random.Generator, size: tuple[int, int], mode: str
) -> None:
    """Also one that is smaller than the network's images, and one that the camera held upright."""
    folder = tmp_path / "test" / "thing"
    folder.mkdir(parents=True)
    (tmp_path / "train" / "thing").mkdir(parents=True)
    pixels = rng.integers(0, 256, (size[1], size[0], 3), np.uint8)
    picture = Image.fromarray(pixels).convert(mode)
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    picture.save(folder / "a.png", exif=exif)
    shape = (32, 32, 3 if mode == "RGB" else 1)
    _, on_the_board, _ = load_inputs(folder, picture_rule(shape))
    np.testing.assert_array_equal(load_images(tmp_path, "test", shape).images, on_the_board)
    np.testing.assert_array_equal(read_photograph(folder / "a.png", shape), on_the_board[0])
    if size == (32, 32) and mode == "RGB":
        np.testing.assert_array_equal(on_the_board[0], np.rot90(pixels, -1))
