"""`infer.py --check` compares with what belongs to the weights in use, or says what it needs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from board_package import write_package
from driver_packages import fast_net
from nets import picture_rule

from driver import infer
from driver.manifest import WeightsEntry, load_manifest
from flow.frontend.golden import GoldenModel, GoldenSession, lower_to_plain_onnx
from flow.stages.package import write_checksums

OWN, OTHER = "0a" * 32, "0b" * 32


class Computer:
    """A backend that computes with the golden model whose weights it has."""

    name = "sim"
    clock_mhz = None

    def __init__(self, model: GoldenModel, weights: str) -> None:
        self._session = GoldenSession(model)
        self.weights = weights

    def run(self, images: np.ndarray) -> np.ndarray:
        return self._session.run(images).astype(np.int32)

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def models() -> tuple[GoldenModel, GoldenModel]:
    own, other = (lower_to_plain_onnx(fast_net(seed).build()) for seed in (4, 5))
    return own, other


@pytest.fixture
def package(tmp_path: Path, models: tuple[GoldenModel, GoldenModel]) -> Path:
    folder = tmp_path / "package"
    folder.mkdir()
    entry = {"loadable": True, "file": "weights.bin", "sha256": OWN, "words": 3}
    write_package(
        folder,
        input={**picture_rule((32, 32, 3)).record(), "frame_bytes": 3072},
        output={"classes": 10, "elem_bits": 16, "frame_bytes": 32},
        class_names=[str(k) for k in range(10)],
        weights=entry,
    )
    for model, name in zip(models, ("golden.onnx", "other.onnx"), strict=True):
        model.save(folder / name)
    images = np.random.default_rng(1).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    scores = GoldenSession(models[0]).run(images)
    np.savez(
        folder / "golden.npz",
        images=images,
        labels=np.full(3, -1),
        scores=scores,
        source=np.array("random pixels"),
    )
    (folder / "text.onnx").write_text("no model")
    write_checksums(folder)
    return folder


def check(package: Path, patch: pytest.MonkeyPatch, computer: Computer, *golden: str) -> int:
    patch.setattr(infer, "open_backend", lambda *arguments: computer)
    given = [part for name in golden for part in ("--golden", str(package / name))]
    return infer.main(["--check", "--backend", "sim", "--package", str(package), *given])


@pytest.mark.parametrize(
    ("computes", "golden", "status", "said"),
    [
        (0, (), 0, "3 images (random pixels) bit for bit equal to golden; and to onnxruntime"),
        (1, (), 2, "golden vectors of this package belong to its own weights"),
        (1, ("other.onnx",), 0, "bit for bit equal to"),
        (1, ("golden.onnx",), 3, "not equal to onnxruntime"),
        (1, ("golden.npz",), 3, "not equal to the golden vectors"),
        (1, ("text.onnx",), 2, "text.onnx: onnxruntime cannot run it on these images"),
        (1, ("none.npz",), 2, "--golden: there is no file"),
    ],
)
def test_weights_are_checked_against_their_own_golden(
    package: Path,
    models: tuple[GoldenModel, GoldenModel],
    computes: int,
    golden: tuple[str, ...],
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert load_manifest(package).weights == WeightsEntry("weights.bin", OWN, 3)
    computer = Computer(models[computes], (OWN, OTHER)[computes])
    assert check(package, monkeypatch, computer, *golden) == status
    captured = capsys.readouterr()
    assert said in captured.out + captured.err
