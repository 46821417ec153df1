"""Networks with weights and activations of several bits: every stream of the whole design."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import pytest
from accelerator import generate
from nets import Net, byte_ends_net, mixed_net, two_bit_net

from flow.check import rtlsim
from flow.check.compare import compare_streams
from flow.hardware.folding import Wish


def check(
    net: Net,
    folder: Path,
    wishes: Mapping[str, Wish] | None = None,
    weights: Literal["auto", "loadable"] = "auto",
) -> None:
    (folder / "rtl").mkdir()
    made = generate(net, folder / "rtl", wishes=wishes, weights=weights)
    binary = rtlsim.build(made.design, made.rtl, folder / "sim", timeout_s=600, optimize="-O0")
    for seed, pause in ((1, 0.0), (2, 0.4)):
        result = rtlsim.simulate(
            made.design,
            binary,
            made.rtl,
            made.images,
            seed=seed,
            timeout_s=600,
            idle=pause,
            stall=pause,
        )
        outcome = compare_streams(made.design, made.expected, result)
        assert not outcome.difference, outcome.difference
        assert outcome.words == sum(len(words) for words in made.expected.values())


def test_streams_of_a_network_of_all_kinds(tmp_path: Path) -> None:
    wishes = {"MVAU_1": Wish(2, 4), "MVAU_2": Wish(8, 8), "MVAU_3": Wish(2, 4)}
    check(mixed_net(2), tmp_path, wishes)


@pytest.mark.slow
@pytest.mark.parametrize("weights", ["auto", "loadable"])
@pytest.mark.parametrize("make", [byte_ends_net, two_bit_net, mixed_net])
def test_streams_of_other_networks(
    make: Callable[[int], Net], weights: Literal["auto", "loadable"], tmp_path: Path
) -> None:
    wishes = {"MVAU_0": Wish(4, 3, 4), "MVAU_1": Wish(4, 4)} if make is two_bit_net else None
    check(make(3), tmp_path, wishes, weights)
