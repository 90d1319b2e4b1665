"""Wrong configurations, generated: every key missing, mistyped, of every wrong type, and out of its range.

Each is one change to a right file that holds every key there is. All of them must be refused, at the place of the
change, with a hint, and with no exception but the one that a person reads. How many there were is printed.
"""

import copy
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import certificates
import pytest
import yaml
from unit.config_world import RIGHT, write_secrets

from ari_app import config
from ari_app.config import InvalidConfigurationError, schema
from ari_app.config.problems import dotted

Where = tuple[str | int, ...]
ANNOUNCEMENT = {"file": "other.wav", "language": "cy", "text": "Gellir recordio'r alwad hon."}
SPOKEN = ["advice-en", "advice-cy"]
EVERYTHING: dict[str, Any] = {
    **RIGHT,
    "asterisk": {**RIGHT["asterisk"], "ami_port": 5038},
    "ship": {"workers": 4},
    "s3": {
        **RIGHT["s3"],
        "endpoint_url": "https://127.0.0.1:9000",
        "prefix": "calls",
        "encryption": "aws:kms",
        "kms_key_id": "alias/x",
        "ca_file": "ca.pem",
        "addressing": "path",
        "multipart_above": "64MiB",
        "object_lock": "governance",
        "legal_hold": False,
        "proof": "head",
        "keep_audio_seconds": 300,
    },
    "signing": {"key_file": "signing.key", "public_keys": ["ab" * 32]},
    "announcements": {
        **RIGHT["announcements"],
        "advice-cy": ANNOUNCEMENT,
        "calling-en": {"file": "calling.wav", "language": "en", "text": "This call is recorded."},
        "calling-cy": {"file": "calling-cy.wav", "language": "cy", "text": "Recordir yr alwad hon."},
    },
    "announcement_checks": {"level_dbfs": [-36, -10], "max_clipped_percent": 5, "min_intelligibility": 0.55},
    "lines": {
        "advice-line": {
            **RIGHT["lines"]["advice-line"],
            "mode": "opt_in",
            "announcements": SPOKEN,
            "outgoing_announcements": ["calling-en", "calling-cy"],
            "machine_detection": True,
            "on_objection": "leave_out",
            "opt_out_key": "9",
            "opt_out_sequence": "*9",
            "consent_key": "1",
            "repeat_key": "*",
            "information_key": "0",
            "information": SPOKEN,
            "confirmation": SPOKEN,
            "language_keys": {"en": "2", "cy": "3"},
            "choice_seconds": 8,
            "relay_choice_seconds": 60,
            "destroy_if_objected_within_seconds": 60,
            "max_pause_seconds": 600,
            "capture": "conversation",
            "discard_window_seconds": 0,
        },
        "crisis-line": RIGHT["lines"]["crisis-line"],
    },
    "emergency_numbers": ["999", "112"],
    "guard": {
        "mode": "stop",
        "scope": "whole_pbx",
        "ends_hung_gate": True,
        "allowed_captures": [{"path": "/srv/x/*", "application": "Queue", "reason": "told elsewhere"}],
        "ari_user": "consentgate-guard",
        "ari_password_file": "guard-ari.password",
        "ami_user": "consentgate-guard",
        "ami_password_file": "guard-ami.password",
        "asterisk_recording_folders": ["/var/spool/asterisk/monitor"],
    },
    "metrics": {"gate_port": 9771, "guard_port": 9772, "ship_port": 9773},
    "assurance": {"witness": "/var/log/cel.csv", "late_after_hours": 4, "unrecorded_contexts": ["fax"]},
}
NEEDED_BY_RULE = {
    "s3.access_key_file", "s3.secret_key_file", "s3.kms_key_id", "asterisk.ari_password_file",
    "asterisk.ami_password_file", "numbers", "numbers.key_file", "postgres", "postgres.dsn_file",
    "guard.ari_password_file", "guard.ami_password_file",
    "lines.advice-line.consent_key", "lines.advice-line.confirmation", "lines.advice-line.information_key",
    "lines.advice-line.information", "lines.advice-line.retention", "lines.crisis-line.reason",
}  # fmt: skip
"""Keys that no model demands, and a rule does in this file."""
WRONG_TYPES: dict[str, tuple[Any, ...]] = {
    "string": ([], ["x"], {}, {"x": 1}, 7, 7.5, True),
    "key": ([], ["x"], {}, 7.5, True, 77),
    "integer": ("x", "7", 7.5, [7], {}, True),
    "number": ("x", "7", [7], {}, True),
    "boolean": ("x", "true", 7, [True], {}),
    "array": ("x", 7, True, {"x": 1}),
    "object": ("x", 7, True, ["x"]),
}
ODD = ("\0", "\x1b[31m", " ", "", "a\nb", "x" * 5000, "é€/:*%", "\ud800")


@dataclass(frozen=True)
class Wrong:
    """One change to the right file: what kind of fault it is, of which key, and the file's tree with it."""

    kind: str
    path: Where
    tree: dict[str, Any]
    mistyped: str = ""


def below(said: dict[str, Any], part: str | int, whole: dict[str, Any]) -> dict[str, Any]:
    """Return what the schema says of something in a section or list."""
    named = [*said.get("patternProperties", {}).values(), {}]
    found = said["items"] if isinstance(part, int) else said.get("properties", {}).get(part, named[0])
    if "$ref" in found:
        return {**whole["$defs"][found["$ref"].rpartition("/")[2]], **found}
    return dict(found)


def keys(
    tree: Any, said: dict[str, Any], whole: dict[str, Any], path: Where = ()
) -> Iterator[tuple[Where, dict[str, Any], dict[str, Any]]]:
    """Yield every path in the right file, with what the schema says of it and of what it stands in."""
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        inner = below(said, key, whole)
        yield (*path, key), inner, said
        yield from keys(value, inner, whole, (*path, key))


def base(section: str) -> dict[str, Any]:
    """Return a right file with every key of one section, and of others as few as may be: most of the time is YAML's."""
    whole = {"lines", "announcements", "s3"} if section in {"lines", "announcements"} else {section}
    return {**RIGHT, **{name: EVERYTHING[name] for name in whole}}


def changed(path: Where, change: Callable[[Any, Any], None]) -> dict[str, Any]:
    tree = copy.deepcopy(base(str(path[0])))
    at: Any = tree
    for part in path[:-1]:
        at = at[part]
    change(at, path[-1])
    return tree


def put(path: Where, value: object) -> dict[str, Any]:
    def change(at: Any, key: Any) -> None:
        at[key] = value

    return changed(path, change)


def renamed(path: Where, name: str) -> dict[str, Any]:
    def change(at: Any, key: Any) -> None:
        whole = {(name if one == key else one): value for one, value in at.items()}
        at.clear()
        at.update(whole)

    return changed(path, change)


def out_of_range(path: Where, said: dict[str, Any]) -> Iterator[Any]:
    key = str(path[-1])
    match said.get("type"):
        case "integer" | "number":
            yield from (said["minimum"] - 1, said["maximum"] + 1, -(10**30), 10**30, math.inf, math.nan)
        case "string" if "enum" in said:
            yield from (said["enum"][0].upper() + "X", "", " ")
        case "string" if key == "file" or key.endswith("_file"):
            # Whether an announcement's file exists is not a matter of the configuration: it silences a line.
            yield from ("", "a\0b", "\ud800")
        case "string" if "maxLength" in said:
            yield from ("", " \n ", "x" * (said["maxLength"] + 1), "a\x07b")
        case "string":
            yield from ODD
        case "array" if key == "level_dbfs":
            yield from ([-10, -36], [-61, -10], [-36, 1], [-36], [-36, -20, -10], ["a", "b"])
        case "array" if "maxItems" in said:
            yield [f"advice-{number}" for number in range(said["maxItems"] + 1)]
        case None:
            yield from (*ODD, "12", "A", -1, 10)
        case _:
            pass


def generated() -> Iterator[Wrong]:
    whole = json.loads(json.dumps(schema.schema()))
    for path, said, around in keys(EVERYTHING, whole, whole):
        key = path[-1]
        needed = key in around.get("required", ()) or ".".join(map(str, path)) in NEEDED_BY_RULE
        if isinstance(key, str) and needed:
            yield Wrong("missing", path, changed(path, lambda at, key: at.pop(key)))
        if isinstance(key, str) and "properties" in around:
            for mistyped in (key[:-1] + "q", "q" + key, key + "s"):
                yield Wrong("mistyped", path, renamed(path, mistyped), mistyped)
        for value in WRONG_TYPES[said.get("type", "key")]:
            yield Wrong("wrong type", path, put(path, value))
        for value in out_of_range(path, said):
            yield Wrong("out of range", path, put(path, value))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("site")
    write_secrets(made)
    certificates.make(made)
    return made


def test_the_file_that_is_spoiled_is_right_and_holds_every_key(folder: Path) -> None:
    file = folder / "right.yaml"
    for tree in (EVERYTHING, *map(base, EVERYTHING)):
        file.write_text(yaml.safe_dump(tree, sort_keys=False))
        config.load(file, {})
    whole = schema.schema()
    held = {path[-1] for path, _, _ in keys(EVERYTHING, whole, whole)}
    assert {key for section in whole["$defs"].values() for key in section.get("properties", ())} <= held


def line_of(text: str, path: Where) -> int:
    """Return the line of a key, or of the nearest thing around it, as an editor counts; found apart from the loader."""
    node, line = yaml.compose(text.replace("\\ud800", "x"), yaml.CSafeLoader), 1
    for part in path:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == str(part)]
            if not found:
                break
            line, node = found[0][0].start_mark.line + 1, found[0][1]
        elif isinstance(node, yaml.SequenceNode):
            node = node.value[int(part)]
            line = node.start_mark.line + 1
    return line


def concerns(problem: config.Problem, place: str) -> bool:
    """Whether a problem is told of this key, of something in it, of the pair it is one of, or of its file's secret."""
    inside = problem.path == place or problem.path.startswith((f"{place}.", f"{place}["))
    return inside or problem.path == place.rpartition("[")[0] or problem.path.startswith(place.removesuffix("_file"))


def judge(wrong: Wrong, folder: Path) -> str:
    """Return what is bad about how this fault is told; "" if nothing is."""
    file = folder / "consentgate.yaml"
    # JSON is YAML, but for two numbers.
    text = json.dumps(wrong.tree, indent=1).replace("Infinity", ".inf").replace("NaN", ".nan")
    file.write_text(text)
    path = (*wrong.path[:-1], wrong.mistyped) if wrong.mistyped else wrong.path
    place = dotted(path)
    try:
        config.load(file, {})
    except InvalidConfigurationError as error:
        found = [one for one in error.problems if concerns(one, place)]
        if not found:
            return f"told elsewhere: {[one.path for one in error.problems]}"
        if not all(one.hint for one in error.problems):
            return f"no hint: {[one for one in error.problems if not one.hint]}"
        if wrong.mistyped and not any(f"did you mean {wrong.path[-1]}?" in one.hint for one in found):
            return f"the nearest name is not told: {found}"
        lines = {one.line for one in found}
        # A missing key is told where it would stand; one of a pair where the pair does.
        if line_of(text, path if wrong.kind != "missing" else path[:-1]) not in lines and not (
            isinstance(path[-1], int) and line_of(text, path[:-1]) in lines
        ):
            return f"in line {lines}, not {line_of(text, path)}"
        return "" if str(error).isprintable() or "\n" in str(error) else "not printable"
    except Exception as error:  # noqa: BLE001 - whatever else comes would be a traceback
        return f"a traceback: {type(error).__name__}: {error}"
    return "accepted"


@pytest.mark.parametrize("section", [*EVERYTHING])
def test_every_wrong_configuration_is_refused_at_its_place_with_a_hint(folder: Path, section: str) -> None:
    count: Counter[str] = Counter()
    bad = []
    for wrong in generated():
        if wrong.path[0] != section:
            continue
        count[wrong.kind] += 1
        if said := judge(wrong, folder):
            at: Any = wrong.tree
            for part in wrong.path if wrong.kind not in {"missing", "mistyped"} else ():
                at = at[part]
            bad.append(f"{wrong.kind} {dotted(wrong.path)} {at!r:.40}: {said}")
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(count.items()))
    print(f"{section}: {count.total() - len(bad)} of {count.total()} refused with line and hint ({kinds})")
    assert not bad, "\n" + "\n".join(bad)
    assert {"mistyped", "wrong type"} <= set(count)


def test_there_are_many_of_them() -> None:
    count = Counter(wrong.kind for wrong in generated())
    print(f"{count.total()} wrong configurations: {dict(count)}")
    assert count.total() > 1500
    assert min(count.values()) > 40
