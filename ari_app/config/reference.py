"""docs/configuration.md, generated from the models: every key, what it is for, its type, unit, default and range.

    python -m ari_app.config.reference docs/configuration.md

A test compares the file with this, so a key that is new, or means something else, is seen there.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from ari_app import reloading

from . import schema, secrets
from .model import Config, keys_of

_LEFT_OUT = re.compile(r"\s*Left out(?P<alone>, [^:]*)?: (?P<what>.*?)\.?\Z")
_NAMES: Final = {"announcements": "NAME", "lines": "LINE", "retention": "CLASS"}


def page(before: str) -> str:
    """Return the page anew: what stands between its marks is generated, the rest is a person's."""
    for name, generated in (
        ("keys", "".join(_sections(schema.schema()))),
        ("secrets", _secrets()),
        ("reload", _reload()),
    ):
        begin, end = f"<!-- {name}: generated, see ari_app/config/reference.py -->\n", f"<!-- end of {name} -->"
        head, _, rest = before.partition(begin)
        before = head + begin + generated.lstrip("\n") + end + rest.partition(end)[2]
    return before


def _sections(whole: dict[str, Any]) -> Iterator[str]:
    for key, field in Config.model_fields.items():
        models = schema.inner_models(field.annotation)
        if not models:
            yield f"\n### `{key}`\n\n{_table([_row(whole, key, whole['properties'][key], required=False)])}"
            continue
        (model,) = models
        path = f"{key}.{_NAMES[key]}" if key in _NAMES else key
        about = "\n".join(line.strip() for line in (model.__doc__ or "").strip().splitlines())
        rows = list(_rows(whole, path, model))
        yield f"\n### `{path}`\n\n{about}\n\n{_table(rows)}"


def _rows(whole: dict[str, Any], path: str, model: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    section = whole["$defs"][model.__name__]
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    for key in keys_of(model):  # type: ignore[arg-type]  # every model here is a Section
        inner = schema.inner_models(fields[key].annotation)
        yield _row(whole, f"{path}.{key}", section["properties"][key], required=key in section.get("required", ()))
        for one in inner:
            yield from _rows(whole, f"{path}.{key}[]", one)


def _row(whole: dict[str, Any], path: str, said: dict[str, Any], *, required: bool) -> tuple[str, ...]:
    kind, bounds = schema.kind_of(whole, said, path.rpartition(".")[2])
    words, default = said.get("description", ""), "**needed**" if required else _default(said)
    if left_out := _LEFT_OUT.search(words):
        words = words[: left_out.start()]
        default = left_out["what"] + (f" ({left_out['alone'].removeprefix(', ')})" if left_out["alone"] else "")
    return f"`{path}`", words, kind, default, bounds


def _default(said: dict[str, Any]) -> str:
    match said.get("default"):
        case None | []:
            return "none"
        case bool(value):
            return f"`{str(value).lower()}`"
        case list(values):
            return f"`[{', '.join(str(one) for one in values)}]`"
        case value:
            return f"`{value}`"


def _table(rows: list[tuple[str, ...]]) -> str:
    head = ("key", "what for", "type", "default", "range")
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def _secrets() -> str:
    rows = [
        (f"`{place.section}.{place.file_key}`", f"`{place.credential}`", f"`{place.variable}`")
        for place in secrets.PLACES
    ]
    head = ("key", "systemd credential", "environment variable")
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, ("---",) * len(head), *rows))


def _reload() -> str:
    rows = [
        (
            f"`{name}`",
            *(", ".join(f"`{key}`" for key in part if not _secret(key)) for part in (keys.taken_up, keys.fixed)),
        )
        for name, keys in (("gate", reloading.GATE), ("guard", reloading.GUARD), ("ship", reloading.SHIP))
    ]
    head = ("process", "takes up", "needs its restart for")
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, ("---",) * len(head), *rows))


def _secret(key: str) -> bool:
    """Tell whether it is one that stands in no file."""
    return any(key == f"{place.section}.{place.key}" for place in secrets.PLACES)


def main(file: Path) -> None:
    """Write the page anew where it lies."""
    file.write_text(page(file.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
