"""Turn a wrong key or value of a settings file into a message its author can act on."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError


def did_you_mean(wrong: str, known: Iterable[str]) -> str:
    """Return '"wrong"; did you mean X? Known: X, Y' (without the question if nothing is near)."""
    names = list(known)
    near = difflib.get_close_matches(wrong, names, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]}? Known: " if near else "; known: "
    return f'"{wrong}"{hint}{", ".join(names) or "none"}'


def explain_validation_error(error: ValidationError, model: type[BaseModel], where: str) -> str:
    """Return one line for each thing wrong; `where` is the file or option the values came from."""
    lines = []
    for item in error.errors(include_url=False):
        path = tuple(str(part) for part in item["loc"])
        section = "".join(f"[{'.'.join(path[:-1])}] " if len(path) > 1 else "")
        if item["type"] == "extra_forbidden":
            allowed = _keys_at(model, path[:-1])
            lines.append(f"{where}: {section}unknown key {did_you_mean(path[-1], allowed)}")
        elif item["type"] == "missing":
            description = _description(model, path)
            lines.append(f"{where}: {section}{path[-1]} is missing: {description}")
        else:
            message = re.sub(r"^(Input|String|Value error,) ?", "", item["msg"])
            lines.append(
                f"{where}: {section}{path[-1] if path else 'file'} = {item['input']!r}: "
                f"{message}. {_description(model, path)}".rstrip()
            )
    return "\n".join(lines)


def _keys_at(model: type[BaseModel], path: Sequence[str]) -> list[str]:
    found = _model_at(model, path)
    return [] if found is None else list(found.model_fields)


def _description(model: type[BaseModel], path: Sequence[str]) -> str:
    parent = _model_at(model, path[:-1]) if path else None
    field = parent.model_fields.get(path[-1]) if parent is not None else None
    return (field.description or "") if field is not None else ""


def _model_at(model: type[BaseModel], path: Sequence[str]) -> type[BaseModel] | None:
    """Follow field names (and keys of dictionaries) to the model that checks what lies there."""
    annotation: Any = model
    for part in path:
        inner = _strip_optional(annotation)
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            field = inner.model_fields.get(part)
            if field is None:
                return None
            annotation = field.annotation
        elif get_origin(inner) is dict:
            annotation = get_args(inner)[1]
        else:
            return None
    found = _strip_optional(annotation)
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _strip_optional(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, UnionType):
        options = [option for option in get_args(annotation) if option is not type(None)]
        return options[0]
    return annotation
