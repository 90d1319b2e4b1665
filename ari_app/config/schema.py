"""The configuration's JSON Schema, for editors: keys, their meaning, and what each may hold, generated from the models.

It is published as deploy/consentgate.schema.json (a test compares them), and printed by `consentgate check --schema`.
An editor knows less than `check`: rules between keys, secrets and files are judged there alone.
"""

import json
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from ari_app.core.free_space import Floor

from .model import Config
from .units import size_exact
from .values import SECONDS_PER_HOUR

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
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
