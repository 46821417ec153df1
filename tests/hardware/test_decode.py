"""What the files of an accelerator say is what the network computes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from accelerator import generate_network, network_of
from fuzz.build import build
from fuzz.draw import commit_seed, draw
from fuzz.spec import IllegalSpec
from nets import Net, byte_ends_net, mixed_net, padded_net, random_inputs_of, small_net, two_bit_net

from flow.errors import CheckFailed, UserError
from flow.frontend.golden import lower_to_plain_onnx
from flow.frontend.to_network import network_from_golden
from flow.hardware.decode import main, prove
from flow.hardware.decoded import decode
from flow.hardware.folding import Wish
from flow.hardware.plan import hardware_refusals
from flow.network import Network

NETS = {
    "zero padding": lambda: padded_net(0),
    "minus one": lambda: padded_net(-1),
    "minima": lambda: small_net(seed=1),
    "two bits": lambda: two_bit_net(1),
    "bytes": lambda: byte_ends_net(1),
    "mixed": lambda: mixed_net(1),
}


def written(
    network: Network, folder: Path, images: np.ndarray, wishes: dict[str, Wish] | None = None
) -> Path:
    """Write the accelerator of a network as generate_rtl does; return the folder."""
    (folder / "rtl").mkdir(parents=True)
    made = generate_network(network, folder / "rtl", images, wishes=wishes)
    made.design.save(folder / "design.json")
    return folder


def check(network: Network, folder: Path, images: np.ndarray) -> None:
    """Compare the scores that follow from the files with those of the network."""
    found = decode(written(network, folder, images)).run(images)
    wanted = network.run(images, keep={network.scores.name})[network.scores.name]
    assert np.array_equal(found, wanted.reshape(len(images), -1))


@pytest.mark.parametrize("make", NETS.values(), ids=NETS)
def test_scores_from_the_files_are_the_networks(make: Callable[[], Net], tmp_path: Path) -> None:
    network = network_of(make())
    check(network, tmp_path, random_inputs_of(network.source, 4))


def test_the_same_network_folded_otherwise_is_proven_equal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = network_of(mixed_net(2))
    images = random_inputs_of(network.source, 1)
    one = written(network, tmp_path / "one", images)
    other = written(network, tmp_path / "other", images, {"MVAU_1": Wish(4, 8)})
    proofs = {proof.name: proof for proof in prove(decode(one), decode(other))}
    assert proofs["MVAU_0"].channels == 8 and proofs["MVAU_0"].values > 2 * 27 * 128
    assert proofs["MVAU_0"].differences == ()
    assert any("PE 1 -> 4: folding" in said for said in proofs["MVAU_1"].differences)
    assert main([str(one), str(other)]) == 0
    assert "MVAU_0: 8 channels x " in capsys.readouterr().out


@pytest.mark.parametrize("suffix", ["weights", "thresholds"])
def test_wrong_contents_are_found_and_named(suffix: str, tmp_path: Path) -> None:
    network = network_of(padded_net(0))
    images = random_inputs_of(network.source, 1)
    one = written(network, tmp_path / "one", images)
    shutil.copytree(one, tmp_path / "other")
    image = tmp_path / "other" / "rtl" / f"mvau_1_{suffix}.mem"
    lines = image.read_text().splitlines()
    if suffix == "weights":
        lines[0] = f"{int(lines[0], 16) ^ 1:0{len(lines[0])}x}"
    else:
        lines = lines[::-1]
    image.write_text("\n".join(lines) + "\n")
    with pytest.raises(CheckFailed, match=r"MVAU_1, channel \d+ (has other weights|differs at)"):
        prove(decode(one), decode(tmp_path / "other"))


def test_random_networks_from_their_files_give_their_scores(tmp_path: Path) -> None:
    """Another few for each commit; what has no kernel is refused before anything is written."""
    seed, checked = commit_seed(), 0
    for k in range(seed, seed + 30):
        try:
            network = network_from_golden(lower_to_plain_onnx(build(draw(k))))
        except (UserError, IllegalSpec):
            continue
        if hardware_refusals(network):
            continue
        print(f"seed {k}")
        check(network, tmp_path / str(k), random_inputs_of(network.source, 3, k))
        checked += 1
    assert checked >= 10
