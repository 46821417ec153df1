"""A sweep answers every point, in any executor, and says why where nothing fits."""

from __future__ import annotations

import csv
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from flow.hardware.exploration import Point, Row, answer, explore, pareto, plot, write_csv
from flow.hardware.layers.matrix import MatrixLayer, WindowShape

LAYERS = (
    MatrixLayer(
        "A", 27, 64, 900, 3, in_bits=8, in_signed=True, window=WindowShape((32, 32), 3, (3, 3))
    ),
    MatrixLayer(
        "B",
        2304,
        512,
        64,
        256,
        flags=True,
        window=WindowShape((8, 8), 256, (3, 3), pad=(1, 1, 1, 1)),
    ),
    MatrixLayer("C", 512, 10, 1, 512, steps=0),
)
POINT = Point("net", LAYERS, "zcu104", 1000)


def test_points_are_answered_in_order_whoever_answers() -> None:
    points = [replace(POINT, board=b, target_fps=f) for b in ("zcu104", "kv260") for f in (500, 50)]
    here = explore(points)
    with ThreadPoolExecutor(2) as pool:
        assert explore(points, pool) == here
    assert [(row.board, row.target_fps) for row in here] == [
        ("ZCU104", 500),
        ("ZCU104", 50),
        ("KV260", 500),
        ("KV260", 50),
    ]
    assert all(row.fits and row.fps is not None and row.fps >= 50 for row in here)
    assert here[0].lut is not None and here[1].lut is not None and here[0].lut > here[1].lut


def test_what_cannot_be_is_a_row_with_its_reason() -> None:
    row = answer(replace(POINT, target_fps=1e6))
    assert not row.fits and row.fps is None and "set fold.target_fps" in row.remark


def test_a_narrower_network_is_smaller() -> None:
    whole, half = answer(POINT), answer(replace(POINT, width=0.5))
    assert half.lut is not None and whole.lut is not None and half.lut < whole.lut
    assert half.width == 0.5


def test_the_front_holds_no_row_that_another_beats() -> None:
    def row(fps: float, lut: float) -> Row:
        return Row("n", 1.0, "b", 100, None, True, fps=fps, lut=lut)

    rows = [row(10, 100), row(20, 100), row(30, 300), row(5, 400), row(40, 250)]
    assert [(r.fps, r.lut) for r in pareto(rows)] == [(20, 100), (40, 250)]


def test_csv_and_plot_are_written(tmp_path: Path) -> None:
    rows = [answer(POINT), answer(replace(POINT, target_fps=1e6))]
    write_csv(rows, tmp_path / "explore.csv")
    plot(rows, tmp_path / "pareto.svg")
    with (tmp_path / "explore.csv").open() as file:
        read = list(csv.DictReader(file))
    assert [line["fits"] for line in read] == ["True", "False"]
    assert float(read[0]["fps"]) == rows[0].fps and read[1]["fps"] == ""
    assert "<svg" in (tmp_path / "pareto.svg").read_text()
