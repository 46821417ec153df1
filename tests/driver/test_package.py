"""What lies in a package: checksums, manifest, README, notebook; the same bytes every time."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest
from driver_packages import GOLDEN_IMAGES, Packaged, run_script

from driver.manifest import load_manifest
from flow.deploy.manifest import class_names
from flow.hardware.design import Design
from flow.stages.package import readme_text, write_zip


def test_every_file_is_in_the_checksums(packaged: Packaged) -> None:
    lines = (packaged.dir / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    files = {
        path.relative_to(packaged.dir).as_posix()
        for path in packaged.dir.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert files == {*sums, "SHA256SUMS"}
    for name, digest in sums.items():
        assert hashlib.sha256((packaged.dir / name).read_bytes()).hexdigest() == digest
    wanted = {"README.md", "classify.ipynb", "driver/infer.py", "golden.npz", "golden.onnx"}
    assert wanted < files


def test_manifest_is_the_designs(packaged: Packaged) -> None:
    design = Design.load(packaged.build / "60-generate_rtl" / "design.json")
    manifest = load_manifest(packaged.dir)
    assert manifest.identity == design.identity
    assert manifest.image_shape == (32, 32, 3)
    assert (manifest.in_frame_bytes, manifest.out_frame_bytes) == (3072, 32)
    assert manifest.clock_mhz == 187.499998  # the PS divides 1,500 MHz by 8
    assert manifest.bitstream is None
    text = (packaged.build / "60-generate_rtl" / "rtl" / "bnn_accel.v").read_text()
    assert f"256'h{manifest.identity}" in text


def test_zip_is_the_folder_and_always_the_same(packaged: Packaged, tmp_path: Path) -> None:
    deploy = next(packaged.build.glob("*-package")) / "deploy"
    write_zip(deploy, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == packaged.archive.read_bytes()
    with zipfile.ZipFile(packaged.archive) as archive:
        modes = {info.filename: info.external_attr >> 16 for info in archive.infolist()}
    assert modes["sim/bnn_accel_sim"] == 0o755
    assert modes["manifest.json"] == 0o644


def test_readme_leads_from_the_sd_card_to_the_first_result(packaged: Packaged) -> None:
    manifest = json.loads((packaged.dir / "manifest.json").read_text())
    without = (packaged.dir / "README.md").read_text()
    assert "## No bitstream" in without
    assert "SD card" not in without
    text = readme_text({**manifest, "bitstream": "accelerator.bit"}, "toy.zip")
    for step in ("SD card", "scp toy.zip", "--check", "--input photo.jpg", "--throughput"):
        assert step in text
    assert f"{GOLDEN_IMAGES}\nimages" in text


def test_notebook_runs_from_top_to_bottom(packaged: Packaged, pynq: tuple[str, ...]) -> None:
    said = run_script(pynq, "notebook_script.py", packaged.dir)
    assert said == {"cells": 5, "shown": 4}


@pytest.mark.parametrize(
    ("classes", "source", "first"),
    [(10, "CIFAR-10", "airplane"), (10, "photographs", "class 0"), (2, "CIFAR-10", "class 0")],
)
def test_classes_have_names_where_they_are_known(classes: int, source: str, first: str) -> None:
    names = class_names(classes, source)
    assert (len(names), names[0]) == (classes, first)
