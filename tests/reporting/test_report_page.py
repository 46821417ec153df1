"""The HTML page of a build: what it shows, that it stands alone, that a browser is content."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flow.errors import UserError
from flow.reporting.facts import gather
from flow.reporting.page import (
    find_builds,
    render_page,
    reproduce,
    write_overview,
    write_page,
)

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FIGURES = {"cycles", "utilisation", "confusion", *(f"sample{k}" for k in range(6))}
VOID = {"meta", "link", "img", "br", "path", "use", "rect"}


class Page(HTMLParser):
    """Collects what a page contains, and complains of tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.figures: set[str] = set()
        self.addresses: list[str] = []
        self.unnamed: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if "id" in values:
            self.ids.append(str(values["id"]))
        if "data-figure" in values:
            self.figures.add(str(values["data-figure"]))
        self.addresses += [str(values[key]) for key in ("src", "href") if key in values]
        if (tag == "img" and not values.get("alt")) or (
            values.get("role") == "img" and not values.get("aria-label")
        ):
            self.unnamed.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def test_the_page_shows_every_part_of_a_full_build(full_build: Path) -> None:
    text = render_page(gather(full_build))
    page = Page(text)
    assert page.figures == FIGURES
    for words in (
        "toy on ZCU104",
        "39,000 frames/s",
        "81.23 %",
        "✗ differs",
        "MVAU_0 is the slowest layer: 5,000 cycles a frame.",
        "27 × 16",
        "no &lt;Vivado&gt; here",
        "2 streams, 4,096 words, 4 images",
        "layer1.codes are the same for all compared images",
        "fold.target_fps=750.0",
    ):
        assert words in text, words
    assert "kind 3" in text and "airplane" not in text  # the model's own names
    assert '<td class="n">17</td>' in text  # cycles the window waited
    assert '<tr class="slowest"><th scope="row">Fifo_0</th>' in text  # 32 of 32 words used


def test_the_page_stands_alone_and_is_accessible(full_build: Path) -> None:
    page = Page(render_page(gather(full_build)))
    assert all(a.startswith(("data:", "#")) for a in page.addresses), page.addresses
    assert page.unnamed == []
    assert len(page.ids) == len(set(page.ids))
    anchors = {a[1:] for a in page.addresses if a.startswith("#")}
    assert anchors <= set(page.ids)


def test_figures_take_their_colours_from_the_page(full_build: Path) -> None:
    text = render_page(gather(full_build))
    svg = "".join(re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL))
    assert "var(--ink)" in svg
    assert not re.findall(r"(?:fill|stroke): #(?!none)[0-9a-f]{6}", svg)


def test_a_build_without_results_still_has_a_page(bare_build: Path) -> None:
    text = render_page(gather(bare_build))
    page = Page(text)
    assert page.figures == set()
    assert "No check has run in this build." in text


def test_a_page_of_the_same_build_is_the_same_text(full_build: Path) -> None:
    assert render_page(gather(full_build)) == render_page(gather(full_build))


def test_resources_come_from_synthesis_where_it_ran_else_from_the_estimate(
    full_build: Path,
) -> None:
    layer = gather(full_build).layers[1]
    assert layer.resources == {"lut": 640, "bram36": 4.5, "logic_levels": 5}
    assert layer.memory_bits == 432


def test_the_commands_repeat_settings_that_differ_from_the_defaults(full_build: Path) -> None:
    build, verify = reproduce(gather(full_build))
    assert build == (
        "flow build --board ZCU104 --model nets/toy.onnx "
        "--set fold.target_fps=750.0 --set verify.images=6"
    )
    assert verify.startswith("flow verify --board ZCU104")


def test_a_damaged_confusion_matrix_is_named_and_not_drawn(full_build: Path) -> None:
    (full_build / "70-cppsim" / "cppsim.json").write_text(json.dumps({"confusion": [[1, 2, 3]]}))
    facts = gather(full_build)
    assert facts.confusion is None
    assert "the confusion matrix has shape (1, 3)" in facts.warnings[0]


def test_results_of_unfinished_stages_are_not_shown(full_build: Path) -> None:
    (full_build / "75-rtlsim").rename(full_build / "75-rtlsim.unfinished")
    assert gather(full_build).simulated_cycles is None


def test_the_overview_lists_every_build_and_links_its_page(
    full_build: Path, bare_build: Path
) -> None:
    builds = full_build.parents[1]
    path = write_overview(builds)
    text = path.read_text()
    page = Page(text)
    links = [a for a in page.addresses if not a.startswith("data:")]
    assert links == ["bare/zcu104/report.html", "toy/zcu104/report.html"]
    assert all((builds / link).is_file() for link in links)
    assert "✗ rtlsim (4)" in text
    assert find_builds(builds) == [bare_build, full_build]


def test_an_empty_folder_has_no_overview(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is no build here; run flow build first"):
        write_overview(tmp_path)


def chromium(page: Path, profile: Path, *options: str) -> subprocess.CompletedProcess[str]:
    assert CHROMIUM is not None
    return subprocess.run(
        [
            CHROMIUM,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-background-networking",
            "--hide-scrollbars",
            "--enable-logging=stderr",
            f"--user-data-dir={profile}",
            *options,
            page.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_chromium_draws_the_page_without_a_complaint(
    full_build: Path, tmp_path: Path, scheme: str
) -> None:
    page, picture = write_page(full_build), tmp_path / "page.png"
    dark = ["--blink-settings=preferredColorScheme=0"] if scheme == "dark" else []
    shot = chromium(
        page, tmp_path / "profile", f"--screenshot={picture}", "--window-size=1200,3000", *dark
    )
    complaints = [line for line in shot.stderr.splitlines() if "CONSOLE" in line]
    assert complaints == []
    pixels = np.asarray(Image.open(picture).convert("RGB")).astype(int)
    background = pixels[2, 2]
    assert (background.sum() > 600) == (scheme == "light")
    # The bars are there: blue pixels in each third of the figures' part of the page.
    blue = (pixels[..., 2] - pixels[..., 0]) > 60
    assert blue.sum() > 5000


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_chromium_has_every_figure_in_its_document(full_build: Path, tmp_path: Path) -> None:
    dumped = chromium(write_page(full_build), tmp_path / "profile", "--dump-dom").stdout
    assert set(re.findall(r'data-figure="(\w+)"', dumped)) == FIGURES
    assert dumped.count("<svg") == len(FIGURES)
