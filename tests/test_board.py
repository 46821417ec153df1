"""Boards are data, found by any reasonable spelling."""

from __future__ import annotations

from pathlib import Path

import pytest

from flow.board import ResourceCounts, all_boards, find_board, load_board_file
from flow.commands.selection import default_config
from flow.errors import UserError
from flow.paths import boards_dir


@pytest.mark.parametrize("name", ["PYNQ-Z2", "pynq_z2", "PynqZ2", "pynq z2", "xc7z020"])
def test_case_and_punctuation_do_not_matter(name: str) -> None:
    assert find_board(name).id == "pynq_z2"


@pytest.mark.parametrize(
    ("name", "part", "clock_mhz", "counts"),
    [
        # DS891, feature summary of the EV devices; DS190, feature summary of the Zynq-7000.
        ("ZCU104", "xczu7ev-ffvc1156-2-e", 187.5, (230_400, 460_800, 312, 96, 1_728)),
        ("PYNQ-Z2", "xc7z020clg400-1", 100, (53_200, 106_400, 140, 0, 220)),
    ],
)
def test_the_device_is_that_of_the_data_sheet(
    name: str, part: str, clock_mhz: float, counts: tuple[int, ...]
) -> None:
    board = find_board(name)
    assert (board.part, board.default_clock_mhz) == (part, clock_mhz)
    assert tuple(count for _, count in board.device) == counts


def test_an_unknown_board_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError, match=r'no board "ZCU102"; did you mean ZCU104\? Known boards'):
        find_board("ZCU102")
    with pytest.raises(UserError, match='no board "---"; known boards: AUP-ZU3, KV260, PYNQ-Z1'):
        find_board("---")


def test_two_boards_never_share_a_name() -> None:
    names = [
        "".join(filter(str.isalnum, name.lower()))
        for board in all_boards()
        for name in {board.id, *board.aliases}
    ]
    assert len(names) == len(set(names))


def test_every_board_has_sources_a_default_build_and_a_budget_inside_the_device() -> None:
    boards = all_boards()
    assert len(boards) >= 2
    for board in boards:
        assert default_config(board).is_file()
        assert all(resource.source for _, resource in board.resources)
        assert board.device.exceeded_by(board.budget) == []


def test_exceeding_names_each_resource_with_both_numbers() -> None:
    limit = ResourceCounts(lut=1000, ff=10, bram36=10, uram=0, dsp=5)
    used = ResourceCounts(lut=2500, ff=10, bram36=9, uram=1, dsp=0)
    assert limit.exceeded_by(used) == ["lut 2,500 of 1,000", "uram 1 of 0"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("dma_width_bits", "dma_width", 'unknown key "dma_width"; did you mean dma_width_bits'),
        ("count = 53_200", "count = -1", r"\[resources.lut\] count = -1: should be greater than"),
        ('part = "xc7z020clg400-1"', "", "board.toml: part is missing: Vivado part name"),
        ("[ps]", "[ps", "not valid TOML"),
    ],
)
def test_a_wrong_board_file_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = (boards_dir() / "pynq_z2" / "board.toml").read_text()
    assert old in text
    path = tmp_path / "broken" / "board.toml"
    path.parent.mkdir()
    path.write_text(text.replace(old, new))
    with pytest.raises(UserError, match=message):
        load_board_file(path)


def test_a_board_added_as_a_folder_is_found(tmp_path: Path) -> None:
    text = (boards_dir() / "zcu104" / "board.toml").read_text()
    path = tmp_path / "mine" / "board.toml"
    path.parent.mkdir()
    path.write_text(text.replace('name = "ZCU104"', 'name = "My Board"').replace("aliases", "# "))
    assert find_board("my-board", tmp_path).id == "mine"
