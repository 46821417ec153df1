"""The tables of a build's settings in the docs: made from the models that check them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from flow.config import BuildConfig
from flow.tools.markdown import Marks, markdown_table

SETTINGS = Marks(
    "<!-- settings: written by `flow schema config --into FILE`, never by hand -->",
    "<!-- /settings -->",
)
_COLUMNS = ("key", "value", "default", "meaning")


def settings_tables() -> str:
    """Return Markdown: a table of the top level, then a heading and a table for each section."""
    schema = BuildConfig.model_json_schema()
    fields, sections = schema["properties"], schema["$defs"]
    top = {key: field for key, field in fields.items() if _section(field) not in sections}
    parts = [_table(top, required=())]  # a file without a name has its own
    for key, field in fields.items():
        if (name := _section(field)) in sections:
            parts += _section_tables(key, sections[name], sections)
    return "\n\n".join(parts)


def _section_tables(
    path: str, section: Mapping[str, Any], sections: Mapping[str, Any]
) -> list[str]:
    """Return heading, words and table of a section, then those of sections inside it."""
    title, _, words = section["description"].partition(": ")
    heading = f"## `[{path}]`"
    described = f"{(words or title)[0].upper()}{(words or title)[1:]}"
    plain = {}
    inner: list[str] = []
    for key, field in section["properties"].items():
        named = _section(field.get("additionalProperties", {}))
        if named in sections:
            inner += _section_tables(f"{path}.{key}.NAME", sections[named], sections)
        else:
            plain[key] = field
    return [heading, described, _table(plain, section.get("required", ())), *inner]


def _section(field: Mapping[str, Any]) -> str:
    return str(field.get("$ref", "")).rpartition("/")[2]


def _table(fields: Mapping[str, Mapping[str, Any]], required: Collection[str]) -> str:
    rows = []
    for key, field in fields.items():
        default = "required" if key in required else _default(field.get("default"))
        rows.append([f"`{key}`", _values(field), default, field["description"]])
    return markdown_table(_COLUMNS, rows)


def _default(value: Any) -> str:
    return "–" if value is None or value == {} else f"`{json.dumps(value)}`"


def _values(field: Mapping[str, Any]) -> str:
    """Return the words for what a field takes."""
    for variant in field.get("anyOf", ()):
        if variant.get("type") != "null":
            return _values(variant)
    if "enum" in field:
        return ", ".join(f"`{json.dumps(value)}`" for value in field["enum"])
    if field["type"] == "object":
        return f"table, NAME = {_values(field['additionalProperties'])}"
    words = {"boolean": "`true`, `false`", "string": field.get("format", "text")}
    word = words.get(field["type"], field["type"])
    limits = (
        ("exclusiveMinimum", "above"),
        ("minimum", "from"),
        ("maximum", "to"),
        ("exclusiveMaximum", "below"),
    )
    return " ".join([word, *(f"{say} {field[key]:g}" for key, say in limits if key in field)])
