"""A network on disk: a text that a person can read, and one file with its arrays beside it."""

from __future__ import annotations

import json
import types
import typing
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from flow.errors import NetworkError
from flow.network.edge import Edge
from flow.network.kinds import node_kinds
from flow.network.network import Network
from flow.network.node import Node, Window

_VERSION = 2
_TEXT, _ARRAYS = "network.json", "arrays.npz"


def save_network(network: Network, folder: Path) -> None:
    """Write network.json, which a person can read, and arrays.npz into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    record = {
        "version": _VERSION,
        "input": {"name": network.input, **asdict(network.source)},
        "nodes": [_node_record(network, node, arrays) for node in network.nodes],
        "taps": dict(network.taps),
        "class_names": list(network.class_names),
        "channels_last": sorted(network.channels_last),
    }
    text = json.dumps(record, indent=1)
    (folder / _TEXT).write_text(text + "\n", encoding="utf-8")
    np.savez_compressed(folder / _ARRAYS, **arrays)  # type: ignore[arg-type]


def load_network(folder: Path) -> Network:
    """Read what `save_network` wrote; UserError where it is missing or of another version."""
    try:
        record = json.loads((folder / _TEXT).read_text(encoding="utf-8"))
        with np.load(folder / _ARRAYS) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError) as error:
        raise NetworkError(f"{folder} cannot be read as a network ({error})") from error
    if record.get("version") != _VERSION:
        raise NetworkError(
            f"{folder} has version {record.get('version')}, this is {_VERSION}; build it again"
        )
    source = dict(record["input"])
    name = source.pop("name")
    edge = Edge(**{**source, "shape": tuple(source["shape"])})
    nodes = tuple(_read_node(each, arrays) for each in record["nodes"])
    names, last = tuple(record["class_names"]), frozenset(record["channels_last"])
    return Network(name, edge, nodes, record["taps"], names, last)


def _node_record(
    network: Network, node: Node, arrays: dict[str, np.ndarray[Any, Any]]
) -> dict[str, Any]:
    record: dict[str, Any] = {"kind": node.kind, "name": node.name, "inputs": list(node.inputs)}
    for field in fields(node):
        value = getattr(node, field.name)
        if field.name in record:
            continue
        if isinstance(value, np.ndarray):
            arrays[f"{node.name}/{field.name}"] = value
            record[field.name] = f"{value.dtype} {'x'.join(map(str, value.shape))}"
        else:
            record[field.name] = asdict(value) if isinstance(value, Window) else value
    record["gives"] = network.edges[node.name].describe()
    return record


def _read_node(record: dict[str, Any], arrays: dict[str, np.ndarray[Any, Any]]) -> Node:
    kind = node_kinds()[record["kind"]]
    hints = typing.get_type_hints(kind)
    values: dict[str, Any] = {}
    for field in fields(kind):
        key = f"{record['name']}/{field.name}"
        if key in arrays:
            values[field.name] = arrays[key]
        elif hints[field.name] is Window:
            parts = record[field.name]
            values[field.name] = Window(**{k: tuple(v) for k, v in parts.items()})
        else:
            values[field.name] = _as_declared(hints[field.name], record[field.name])
    return kind(**values)


def _as_declared(hint: Any, value: Any) -> Any:
    is_tuple = typing.get_origin(hint) is tuple and not isinstance(hint, types.UnionType)
    return tuple(value) if is_tuple else value
