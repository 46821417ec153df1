"""The notebook runs from top to bottom, on a network of three layers."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from doc_blocks import ROOT
from nets import tiny_net

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def test_there_is_a_notebook_and_it_is_kept_without_results() -> None:
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    assert NOTEBOOKS
    for path in NOTEBOOKS:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        code = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_notebook_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat", reason="nbformat is not installed")
    nbclient = pytest.importorskip("nbclient", reason="nbclient is not installed")
    pytest.importorskip("ipykernel", reason="ipykernel is not installed")
    onnx.save(tiny_net().build(), str(tmp_path / "tiny.onnx"))
    monkeypatch.setenv("NOTEBOOK_MODEL", str(tmp_path / "tiny.onnx"))
    monkeypatch.setenv("NOTEBOOK_BUILDS", str(tmp_path / "build"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(path, as_version=4)
    notebook.metadata.kernelspec.name = "python3"
    done = nbclient.NotebookClient(notebook, timeout=1200, kernel_name="python3").execute()
    pictures = [
        output
        for cell in done.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]
    assert len(pictures) == 3
