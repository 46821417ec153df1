"""The graph: names, order, forks, what is kept while it runs; and the graph on disk."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from flow.errors import UserError
from flow.network import (
    Add,
    Concat,
    Conv,
    Dense,
    Depthwise,
    Edge,
    InputCodes,
    MaxPool,
    Network,
    Node,
    PairTable,
    Scores,
    SumPool,
    Threshold,
    Window,
    load_network,
    node_kinds,
    save_network,
)
from flow.network.simplify import simplified

PIXELS = Edge((4, 4, 2), 0, 255)
RISING = np.zeros(2, np.bool_)
NINE = Window((3, 3), pad=(1, 1, 1, 1))


def every_kind() -> Network:
    """A fork, an add, a concat, and each kind of node at least once."""
    rng = np.random.default_rng(3)

    def small(*shape: int) -> np.ndarray:
        return rng.integers(-3, 4, shape).astype(np.int8)

    table = (np.arange(256) // 64).astype(np.int32)
    ones = np.ones(10, np.float32)
    pairs = rng.integers(0, 4, (4, 4)).astype(np.int32)
    nodes: list[Node] = [
        InputCodes("codes", ("images",), table, 0, 3),
        Conv("sum", ("codes",), small(2, 3, 3, 2), NINE),
        Threshold("a", ("sum",), np.array([[-4, 0, 9]] * 2), RISING, 0),
        Threshold("b", ("sum",), np.array([[2]] * 2), ~RISING, -1, 2),
        Depthwise("deep", ("a",), small(2, 3, 3), NINE),
        Threshold("c", ("deep",), np.array([[-2, 1, 5]] * 2), RISING, 0),
        Add("added", ("a", "c"), (2, 1)),
        Threshold("d", ("added",), np.array([[2, 4, 6]] * 2), RISING, 0),
        PairTable("e", ("a", "d"), pairs, (0, 0), (1, 1), 0, 3),
        Concat("both", ("b", "e")),
        MaxPool("least", ("both",), Window((2, 2), (2, 2)), np.array([True, False] * 2)),
        SumPool("mean", ("least",), Window((2, 2), (2, 2))),
        Dense("product", ("mean",), small(10, 4)),
        Scores("scores", ("product",), ones, 0 * ones),
    ]
    return Network("images", PIXELS, tuple(nodes), {"tap": "a"}, ("one", "two"))


def images(count: int = 5) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, *PIXELS.shape))


def test_every_kind_is_there() -> None:
    assert {node.kind for node in every_kind().nodes} == set(node_kinds())


def test_every_edge_stays_in_its_range() -> None:
    network = every_kind()
    found = network.run(images())
    assert list(found) == list(network.edges)
    for name, values in found.items():
        edge = network.edges[name]
        assert values.shape == (5, *edge.shape)
        assert edge.low <= values.min() and values.max() <= edge.high


def test_only_what_is_asked_for_is_kept_and_equals_the_whole() -> None:
    network = every_kind()
    whole = network.run(images())
    part = network.run(images(), keep={"a", "scores"})
    assert set(part) == {"a", "scores"}
    for name, values in part.items():
        np.testing.assert_array_equal(values, whole[name])


def test_images_of_another_shape_or_range_are_refused() -> None:
    network = every_kind()
    with pytest.raises(UserError, match=r"images of \(4, 4, 3\), not \(4, 4, 2\)"):
        network.run(np.zeros((1, 4, 4, 3)))
    with pytest.raises(UserError, match="values from 0 to 256, the input takes 0 to 255"):
        network.run(images() // 255 * 256)


def test_a_network_on_disk_is_the_same_network(tmp_path: Path) -> None:
    network = every_kind()
    save_network(network, tmp_path / "network")
    again = load_network(tmp_path / "network")
    assert (again.input, again.source, again.taps) == (network.input, network.source, network.taps)
    assert again.class_names == network.class_names
    assert again.edges == network.edges
    for mine, theirs in zip(network.nodes, again.nodes, strict=True):
        for field in fields(mine):
            a, b = getattr(mine, field.name), getattr(theirs, field.name)
            assert type(a) is type(b)
            np.testing.assert_array_equal(a, b) if isinstance(a, np.ndarray) else None
            assert isinstance(a, np.ndarray) or a == b
    text = json.loads((tmp_path / "network" / "network.json").read_text())
    assert text["nodes"][1]["weights"] == "int8 2x3x3x2"
    assert text["nodes"][1]["gives"].startswith("4x4x2, -")


def test_a_folder_without_a_network_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read as a network"):
        load_network(tmp_path)
    save_network(every_kind(), tmp_path)
    text = (tmp_path / "network.json").read_text().replace('"version": 2', '"version": 0')
    (tmp_path / "network.json").write_text(text)
    with pytest.raises(UserError, match="has version 0, this is 2; build it again"):
        load_network(tmp_path)


def changed(network: Network, name: str, node: Node | None) -> tuple[Node, ...]:
    pairs = ((each, node if each.name == name else each) for each in network.nodes)
    return tuple(new for _, new in pairs if new is not None)


def test_graphs_that_are_none_are_refused() -> None:
    network = every_kind()
    source = ("images", PIXELS)
    with pytest.raises(UserError, match="does not end with its scores"):
        Network(*source, network.nodes[:-1], {})
    with pytest.raises(UserError, match="Conv 'sum': it reads 'codes', which does not exist"):
        Network(*source, changed(network, "codes", None), {})
    renamed = replace(network.producers["b"], name="a")
    with pytest.raises(UserError, match="there are two edges named 'a'"):
        Network(*source, changed(network, "b", renamed), {})
    alone = Concat("both", ("e", "e"))
    with pytest.raises(UserError, match="nothing reads 'b'"):
        Network(*source, changed(network, "both", alone), {})
    with pytest.raises(UserError, match="'tap' is to be compared with 'x', which is none"):
        Network(*source, network.nodes, {"tap": "x"})


def chain(*thresholds: Threshold) -> Network:
    ones = np.ones(2, np.float32)
    table = (np.arange(256) // 16).astype(np.int32)
    nodes = (
        InputCodes("codes", ("images",), table, 0, 15),
        *thresholds,
        Dense("product", (thresholds[-1].name,), np.ones((2, 32), np.int8)),
        Scores("scores", ("product",), ones, 0 * ones),
    )
    return Network("images", PIXELS, nodes, {node.name: node.name for node in nodes[:-1]})


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_quantisers_in_a_row_become_one(first: bool, second: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a = np.sort(rng.integers(-2, 18, (2, 7)), axis=1)
    b = np.sort(rng.integers(-1, 9, (2, 3)), axis=1)
    network = chain(
        Threshold("a", ("codes",), a, np.array([first, not first]), 0),
        Threshold("b", ("a",), b, np.array([second, second]), -1, 2),
    )
    less = simplified(network)
    assert [node.name for node in less.nodes] == ["codes", "b", "product", "scores"]
    assert set(less.taps) == {"codes", "b", "product"}
    expected, found = network.run(images()), less.run(images())
    for name in ("b", "scores"):
        np.testing.assert_array_equal(found[name], expected[name])


def test_a_quantiser_behind_the_inputs_joins_their_table() -> None:
    steps = np.array([[3, 9]] * 2)
    network = chain(Threshold("a", ("codes",), steps, RISING, 5))
    less = simplified(network)
    assert [type(node) for node in less.nodes] == [InputCodes, Dense, Scores]
    np.testing.assert_array_equal(less.run(images())["scores"], network.run(images())["scores"])
    different = chain(Threshold("a", ("codes",), np.array([[3, 9], [4, 9]]), RISING, 5))
    assert simplified(different) is different


def test_a_quantiser_that_changes_nothing_goes_and_its_tap_stays() -> None:
    network = chain(Threshold("a", ("codes",), np.arange(1, 16)[None].repeat(2, 0), RISING, 0))
    less = simplified(network)
    assert "a" not in less.edges
    assert less.taps["a"] == "codes"


def test_what_is_read_twice_stays() -> None:
    assert simplified(every_kind()).edges == every_kind().edges
