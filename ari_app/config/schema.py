"""The configuration's JSON Schema, for editors: keys, their meaning, and what each may hold, generated from the models.

It is published as deploy/consentgate.schema.json (a test compares them), and printed by `consentgate check --schema`.
An editor knows less than `check`: rules between keys, secrets and files are judged there alone.
"""

import json
from collections.abc import Mapping
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from ari_app.core.free_space import Floor

from .model import Config
from .units import size_exact
from .values import SECONDS_PER_HOUR

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_UNITS: Final = {"_seconds": "seconds", "_hours": "hours", "_percent": "%", "_dbfs": "dBFS"}
_TYPES: Final = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true` or `false`"}
FROM_SYSTEMD: Final = ("numbers", "postgres")
"""Sections that hold a secret alone, so that a site whose secrets come from systemd need not write them."""


def schema() -> dict[str, Any]:
    """Return the schema of a whole file, as plain data."""
    found = Config.model_json_schema(by_alias=True)
    models = {model.__name__: model for model in _models(Config)}
    for name, one in [("Config", found), *found["$defs"].items()]:
        if name in models:
            _written(models[name], one)
    found["required"] = [key for key in found["required"] if key not in FROM_SYSTEMD]
    found |= {"title": "consentgate.yaml", "description": "The configuration of consentgate for one PBX."}
    return {"$schema": DIALECT, **found}


def text() -> str:
    """Return the schema as the published file holds it."""
    return json.dumps(_published(schema()), indent=2, ensure_ascii=False) + "\n"


@cache
def _whole() -> dict[str, Any]:
    return schema()


def hint(path: tuple[str | int, ...]) -> str:
    """Return what a value at a path of the file may be, to be said where it is something else; "" of no known key."""
    whole = _whole()
    said: dict[str, Any] = whole
    for part in path:
        said = _below(whole, said, part)
    if not said:
        return ""
    kind, bounds = kind_of(whole, said, str(path[-1]))
    default = said.get("default")
    usual = "" if default in (None, []) else f"; {json.dumps(default)} if it is left out"
    return f"{kind}{f': {bounds}' if bounds else ''}{usual}".replace("`", "").replace("\\*", "*")


def _below(whole: dict[str, Any], said: dict[str, Any], part: str | int) -> dict[str, Any]:
    if "$ref" in said:
        said = whole["$defs"][said["$ref"].rpartition("/")[2]]
    if isinstance(part, int):
        return dict(said.get("items", {}))
    named = list(said.get("patternProperties", {}).values())
    return dict(said.get("properties", {}).get(part) or (named[0] if named else {}))


def _models(model: type[BaseModel]) -> list[type[BaseModel]]:
    found = [model]
    for field in model.model_fields.values():
        found += [one for inner in inner_models(field.annotation) for one in _models(inner)]
    return found


def inner_models(annotation: object) -> list[type[BaseModel]]:
    """Return the sections that a field holds: itself, of a list, or by name."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [one for inner in getattr(annotation, "__args__", ()) for one in inner_models(inner)]


def _written(model: type[BaseModel], section: dict[str, Any]) -> None:
    """Say of each key what a file may hold: its default as it would be written, and no null."""
    for name, field in model.model_fields.items():
        said = section["properties"].get(field.alias or name)
        if said is None:
            continue
        if "description" in said:
            said["description"] = " ".join(said["description"].split())
        said["examples"] = [_plain(str(one)) for one in field.examples or () if field.is_required()]
        choices = [one for one in said.pop("anyOf", ()) if one != {"type": "null"}]
        said |= choices[0] if len(choices) == 1 else {"anyOf": choices} if choices else {}
        if "patternProperties" in said:
            said["additionalProperties"] = False
        default = written_default(field.alias or name, field.get_default(call_default_factory=True))
        said.pop("default", None)
        if not field.is_required() and default not in (None, {}):
            said["default"] = default


def written_default(key: str, value: object) -> Any:  # noqa: ANN401 - whatever YAML holds
    """Return a default as a file would say it: in hours, with a unit, as a word."""
    match value:
        case Floor():
            return size_exact(value.bytes)
        case Enum():
            return value.value
        case BaseModel() | Mapping():
            return {}
        case Path():
            return str(value)
        case tuple() | frozenset():
            return [written_default("", one) for one in value]
        case int() if key.endswith("_hours"):
            return value // SECONDS_PER_HOUR
        case int() if key == "multipart_above":
            return size_exact(value)
        case float() if value.is_integer():
            return int(value)
        case _:
            return value


def kind_of(whole: dict[str, Any], said: dict[str, Any], key: str) -> tuple[str, str]:
    """Return what a value is, with its unit, and what it may be."""
    if "$ref" in said:
        said = whole["$defs"][said["$ref"].rpartition("/")[2]]
    unit = next((unit for end, unit in _UNITS.items() if key.endswith(end)), "")
    if "anyOf" in said:
        return "one key of a telephone", "`0` to `9`, `*`, `#`"
    if "enum" in said:
        return "word", ", ".join(f"`{one}`" for one in said["enum"])
    if said.get("properties"):
        return "section", ""
    match said["type"]:
        case "array" if key == "level_dbfs":
            return f"two numbers, {unit}", said["x-range"]
        case "array":
            kind, bounds = kind_of(whole, said["items"], "")
            most = f"at most {said['maxItems']}; " if "maxItems" in said else ""
            return f"list of {kind}s", (most + bounds).removesuffix("; ")
        case "object":
            return "section of keys", "a language and its key"
        case kind:
            return said.get("x-kind", _TYPES[kind]) + (f", {unit}" if unit else ""), _bounds(said)


def _bounds(said: dict[str, Any]) -> str:
    if "x-range" in said:
        return str(said["x-range"])
    if "patternErrorMessage" in said:
        return str(said["patternErrorMessage"]).partition(": ")[2].replace("*", "\\*")
    if "maximum" in said:
        return f"{said['minimum']} to {said['maximum']}"
    return f"at most {said['maxLength']} characters" if "maxLength" in said else ""


def _plain(example: str) -> str:
    """Return an example without the quotes that YAML needs, which an editor sets itself."""
    return example.removeprefix('"').removesuffix('"')


def _published(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Return it without what editors have no use for: titles made of keys, empty lists, words for the reference."""
    match value:
        case dict():
            return {
                key: _published(one)
                for key, one in value.items()
                if not (key == "title" and one != "consentgate.yaml") and not key.startswith("x-") and one != []
            }
        case list():
            return [_published(one) for one in value]
        case _:
            return value
