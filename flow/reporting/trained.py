"""Tables of trained networks, from the records beside the models, and of others' figures."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flow.errors import UserError
from flow.paths import shown
from flow.tools.markdown import Marks, markdown_table

TRAINED = Marks(
    "<!-- trained networks: written by `flow report --trained --into FILE`, never by hand -->",
    "<!-- /trained networks -->",
)
COMPARED = Marks(
    "<!-- compared: written by `flow report --trained --into FILE`, never by hand -->",
    "<!-- /compared -->",
)
CITED_FILE = Path("docs/results/cited.toml")

_NAMES = {"bvgg16": "B-VGG16", "vgg16": "VGG16", "cnv": "CNV", "vgg_small": "VGG-small"}
_PADDED = ("bvgg16", "vgg16", "vgg_small")
_TRAINED_COLUMNS = (
    *("network", "data", "recipe", "epochs (best)", "seed", "time, on"),
    *("train %", "validation %", "test %", "command"),
)
_COMPARED_COLUMNS = (
    *("network or method", "test %", "data and protocol", "first and last layer"),
    *("the inference graph needs", "from"),
)


class CitedFigure(BaseModel):
    """One figure of somebody else, with where it was read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="Network or method.")
    test_percent: float = Field(gt=0, le=100, description="Test accuracy on CIFAR-10.")
    protocol: str = Field(description="Data, augmentation, and what chose the epoch, if known.")
    ends: str = Field(description="Weights of the first and the last layer.")
    needs: str = Field(description="What the inference graph needs in hardware.")
    source: str = Field(description="Where the figure was read, as Markdown.")


def read_cited(path: Path) -> list[CitedFigure]:
    """Return the `[[figure]]` entries of a TOML file; UserError where one is not complete."""
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))["figure"]
        return [CitedFigure.model_validate(entry) for entry in entries]
    except (OSError, KeyError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise UserError(f"{shown(path)} is no list of cited figures: {error}") from error


def read_records(folder: Path) -> list[dict[str, Any]]:
    """Return the records that `flow train --publish` wrote into `folder`, by name.

    Raises UserError if there is none, or a file is no such record.
    """
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise UserError(
            f"{shown(folder)}: there is no record of a trained network here; "
            "flow train --publish writes one beside the model"
        )
    records = []
    for path in paths:
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            trained_row(record)
            compared_row(record)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{shown(path)} is no record of flow train --publish "
                f"({type(error).__name__}: {error}); publish the network again"
            ) from error
        records.append(record)
    return records


def trained_table(records: Sequence[Mapping[str, Any]]) -> str:
    """Return a Markdown table with one row a network."""
    return markdown_table(_TRAINED_COLUMNS, [trained_row(record) for record in records])


def compared_table(cited: Sequence[CitedFigure], records: Sequence[Mapping[str, Any]]) -> str:
    """Return a Markdown table of others' figures and, below them, those measured here."""
    rows = [
        [one.name, f"{one.test_percent:g}", one.protocol, one.ends, one.needs, one.source]
        for one in cited
    ]
    measured = [record for record in records if record["accuracy"]["test"] is not None]
    return markdown_table(_COMPARED_COLUMNS, rows + [compared_row(record) for record in measured])


def trained_row(record: Mapping[str, Any]) -> list[str]:
    """Return the cells of one network's training."""
    recipe, name = record["recipe"], record["name"]
    return [
        network_name(recipe["model"]),
        record["source"],
        f"`models/{name}.toml`",
        f"{record['epochs_trained']} ({record['best_epoch']})",
        str(recipe["seed"]),
        f"{_duration(record['training_s'])}, {record['trained_on'].upper()}",
        *(_percent(record["accuracy"][split]) for split in ("train", "validation", "test")),
        f"`flow train --recipe models/{name}.toml --data DIR --publish models/{name}.onnx`",
    ]


def compared_row(record: Mapping[str, Any]) -> list[str]:
    """Return the cells of one network beside those of others."""
    recipe = record["recipe"]
    model, methods = recipe["model"], list(recipe["methods"]) or ["sign"]
    return [
        f"**{network_name(model)}** ({', '.join(methods)})",
        f"**{_percent(record['accuracy']['test'])}**",
        f"{record['source']}; {_augmentation(recipe)}; held-out images chose the epoch",
        _ends(model),
        _needs(model),
        f"measured here, `models/{record['name']}.json`",
    ]


def network_name(model: Mapping[str, Any]) -> str:
    """Return the words for a ModelSpec: topology, width, padding, head, weight bits of the ends."""
    words = [_NAMES.get(model["name"], model["name"].upper())]
    words.append("pruned" if model["channels"] is not None else f"width {model['width']:g}")
    if model["name"] in _PADDED:
        words += [f"pad {model['pad_value']}", model["head"]]
    if (model["first_weight_bits"], model["last_weight_bits"]) != (1, 1):
        words.append(f"{model['first_weight_bits']}- and {model['last_weight_bits']}-bit ends")
    return ", ".join(words)


def _ends(model: Mapping[str, Any]) -> str:
    return f"{model['first_weight_bits']} bit, {model['last_weight_bits']} bit"


def _needs(model: Mapping[str, Any]) -> str:
    needs = ["XNOR, popcount, thresholds"]
    if model["name"] in _PADDED:
        needs.append(
            "padding as a third value" if model["pad_value"] == 0 else "padding with −1, a bit"
        )
    if 8 in (model["first_weight_bits"], model["last_weight_bits"]):
        needs.append("8-bit weights at the ends")
    if model["activations"] != "sign":
        needs = ["real activations: not mapped"]
    return "; ".join(needs)


def _augmentation(recipe: Mapping[str, Any]) -> str:
    used = ["flip"] if recipe["flip"] else []
    if recipe["crop_pixels"]:
        used.append(f"crop {recipe['crop_pixels']}")
    if recipe["cutout_pixels"]:
        used.append(f"cutout {recipe['cutout_pixels']}")
    return ", ".join(used) or "no augmentation"


def _percent(share: float | None) -> str:
    return f"{share:.2%}".removesuffix("%") if share is not None else "–"


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"
