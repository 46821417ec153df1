"""A place to run the documentation's commands in."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path

import onnx
import pytest
from doc_blocks import ROOT
from jpeg_archive import write_photographs
from nets import tiny_net
from PIL import Image

from flow.data.datasets import find_images


@pytest.fixture(scope="session")
def data_sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stand-in for CIFAR-10 and a folder of photographs in two classes, made once."""
    folder = tmp_path_factory.mktemp("data_sets")
    write_photographs(folder / "cifar10", train=48, test=256)
    for split, count in (("train", 60), ("test", 10)):
        images = find_images(None, 4 * count).images
        for label, name in enumerate(("rose", "tulip")):
            photographs = folder / "flowers" / split / name
            photographs.mkdir(parents=True)
            for number, pixels in enumerate(images[label::4]):
                Image.fromarray(pixels).save(photographs / f"{number:03}.jpg")
    return folder


def make_sandbox(folder: Path, data_sets: Path) -> Path:
    """Fill a folder with what a checkout holds, a tiny network, photographs and small data sets."""
    for name in ("board", "build_configs", "models", "docs", "README.md"):
        (folder / name).symlink_to(ROOT / name)
    onnx.save(tiny_net().build(), str(folder / "tiny.onnx"))
    spec = find_spec("skimage")
    assert spec is not None and spec.origin is not None
    shutil.copy(Path(spec.origin).parent / "data" / "rocket.jpg", folder / "photo.jpg")
    shutil.copy(ROOT / "README.md", folder / "copy_of_readme.md")
    for page in ("results", "folding", "configuration"):
        shutil.copy(ROOT / "docs" / f"{page}.md", folder / f"copy_of_{page}.md")
    for data_set in data_sets.iterdir():
        (folder / data_set.name).symlink_to(data_set)
    (folder / "photos").mkdir()
    shutil.copy(Path(spec.origin).parent / "data" / "chelsea.png", folder / "photos")
    return folder


@pytest.fixture
def sandbox(tmp_path: Path, data_sets: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(make_sandbox(tmp_path, data_sets))
    return tmp_path
