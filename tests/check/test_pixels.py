"""Several pixels at a time, and loadable weights: every stream of the whole design is right."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from accelerator import Accelerator, generate
from nets import padded_net, tiny_net

from flow.check import rtlsim
from flow.check.compare import compare_streams
from flow.errors import CheckFailed, ToolError
from flow.hardware.folding import Wish


@dataclass(frozen=True)
class Simulated:
    """An accelerator and its compiled simulation."""

    accelerator: Accelerator
    binary: Path

    def run(self, rtl: Path | None = None, *, seed: int = 1, pause: float = 0) -> rtlsim.SimResult:
        """Simulate, with the files in `rtl` if given."""
        return rtlsim.simulate(
            self.accelerator.design,
            self.binary,
            rtl or self.accelerator.rtl,
            self.accelerator.images,
            seed=seed,
            timeout_s=600,
            idle=pause,
            stall=pause,
        )

    def check(self, result: rtlsim.SimResult) -> None:
        """Compare every stream."""
        outcome = compare_streams(self.accelerator.design, self.accelerator.expected, result)
        assert not outcome.difference
        assert outcome.words == sum(len(words) for words in self.accelerator.expected.values())


def compiled(accelerator: Accelerator, folder: Path) -> Simulated:
    return Simulated(
        accelerator,
        rtlsim.build(
            accelerator.design, accelerator.rtl, folder / "sim", timeout_s=600, optimize="-O0"
        ),
    )


def pixels_of(accelerator: Accelerator) -> dict[str, int]:
    streams = accelerator.design.compared_streams
    return {stream.producer: stream.pixels for stream in streams if stream.pixels > 1}


@pytest.fixture(scope="module")
def loadable(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    """Zero padding, two and four pixels at a time, one layer's weights in UltraRAM."""
    folder = tmp_path_factory.mktemp("loadable")
    (folder / "rtl").mkdir()
    wishes = {"MVAU_0": Wish(pixels=2), "MVAU_1": Wish(pixels=4, style="ultra")}
    return compiled(generate(padded_net(0), folder / "rtl", images=3, wishes=wishes), folder)


def test_pixels_and_loaded_weights_give_equal_streams_at_the_ideal_speed(
    loadable: Simulated,
) -> None:
    design = loadable.accelerator.design
    assert design.loadable and design.load_words == sum(
        memory.load_words for memory in design.memories if memory.node.startswith("MVAU")
    )
    assert pixels_of(loadable.accelerator) == {
        "MVAU_0": 2,
        "SlidingWindow_0": 2,
        "SlidingWindow_1": 4,
        "MVAU_1": 4,
    }
    flagged = [stream for stream in design.streams if stream.flagged]
    assert {stream.flags for stream in flagged} == {1, 4}
    result = loadable.run()
    loadable.check(result)
    assert result.cycles_per_frame == pytest.approx(design.bottleneck.ideal_cycles, rel=0.01)
    # A word a cycle, the header and the sum included.
    assert result.load_cycles is not None
    assert design.load_words + 12 <= result.load_cycles <= design.load_words + 80
    paused = loadable.run(seed=2, pause=0.3)
    loadable.check(paused)
    assert paused.load_cycles is not None and paused.load_cycles > result.load_cycles


def test_what_was_loaded_is_all_the_simulation_knows_of_the_weights(
    loadable: Simulated, tmp_path: Path
) -> None:
    rtl = tmp_path / "rtl"
    shutil.copytree(loadable.accelerator.rtl, rtl)
    for memory in loadable.accelerator.design.loaded_memories:
        (rtl / memory.file).unlink()
    loadable.check(loadable.run(rtl))


def test_a_damaged_load_image_is_refused(loadable: Simulated, tmp_path: Path) -> None:
    design = loadable.accelerator.design
    rtl = tmp_path / "rtl"
    shutil.copytree(loadable.accelerator.rtl, rtl)
    image = rtl / design.load_image
    content = bytearray(image.read_bytes())
    content[60] ^= 4
    image.write_bytes(content)
    with pytest.raises(ToolError, match="the loader refused the image, error 4"):
        loadable.run(rtl)
    with pytest.raises(CheckFailed, match=r"weights\.bin: the load image was changed"):
        design.check_memories(rtl)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("net", "pixels"),
    [
        ("zero", (4, 4, 2)),
        ("minus one", (2, 4, 2)),
        ("minus one", (8, 2, 2)),
        ("pools", (2, 4, 1)),
        ("pools", (8, 8, 4)),
    ],
)
def test_streams_of_several_pixels_are_equal(
    net: str, pixels: tuple[int, int, int], tmp_path: Path
) -> None:
    """Both kinds of padding; pools that take a part of a word, and ones that take several."""
    nets = {"zero": padded_net(0), "minus one": padded_net(-1), "pools": tiny_net(seed=3)}
    wishes = {f"MVAU_{k}": Wish(pixels=count) for k, count in enumerate(pixels)}
    (tmp_path / "rtl").mkdir()
    accelerator = generate(nets[net], tmp_path / "rtl", wishes=wishes)
    assert not accelerator.design.loadable
    found = pixels_of(accelerator)
    assert {f"MVAU_{k}": count for k, count in enumerate(pixels) if count > 1}.items() <= (
        found.items()
    )
    simulated = compiled(accelerator, tmp_path)
    for seed in (1, 2):
        simulated.check(simulated.run(seed=seed, pause=0.3 * (seed == 2)))
