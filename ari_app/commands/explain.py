"""`consentgate explain`: what would come of a call by the rules as they are, before there is one.

The configuration is read and its announcements are measured (copied to a temporary folder); nothing of the site is
touched, and no connection is opened.
"""

import json
import re
import tempfile
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import typer

from ari_app import announcements, clock, policy
from ari_app.config import Config, load
from ari_app.config.problems import did_you_mean
from ari_app.core.names import MICROSECONDS, Instant, RecordingId, iso, object_folder
from ari_app.core.policy import Announcement, Mode, Policy, from_json
from ari_app.errors import GOOD, USAGE, ConsentgateError
from ari_app.explaining import CALLER, HOUSE, NEXT, Scene, Story, Told
from ari_app.layout import Layout
from ari_app.rehearsal import Person
from ari_app.safekeeping import terms_of

from . import explain_text

NUMBER: Final = re.compile(r"\+?[0-9*#]{2,25}", re.ASCII)
SOMEBODY: Final = "somebody outside"
UNTOUCHED: Final = "nothing of ours touches this call: no Stasis, no hook, no delay, whatever is alive. It has a row."
COLLEAGUES: Final = (
    "colleagues among themselves are not recorded: a recording belongs to somebody from outside who was told"
)


class QuestionError(ConsentgateError):
    """What is asked about does not exist, or is not a call."""

    exit_code = USAGE


@dataclass(frozen=True, slots=True)
class Question:
    """The call that is asked about."""

    caller: str
    to: str
    transfer_to: str | None
    at: Instant


@dataclass(frozen=True, slots=True)
class _Place:
    """What a word of the question stands for: staff, emergency, line, outside."""

    kind: str
    name: str


def run(
    config_path: Path,
    *,
    caller: str,
    to: str,
    transfer_to: str | None = None,
    at: datetime | None = None,
    as_json: bool = False,
) -> int:
    """Print what would come of the call; return 0. Raises ConfigurationError, and QuestionError for no call at all."""
    config = load(config_path)
    with tempfile.TemporaryDirectory(prefix="consentgate-explain-") as folder:
        rules = policy.compile(config, announcements.prepare(config, Layout(Path(folder))))
    asked = clock.now() if at is None else Instant(round(at.astimezone(UTC).timestamp()) * MICROSECONDS)
    said = answer(config, rules, Question(caller, to, transfer_to, asked))
    if as_json:
        typer.echo(json.dumps(said, ensure_ascii=False))
    else:
        typer.echo(explain_text.page(said))
    return GOOD


def answer(config: Config, rules: Policy, question: Question) -> dict[str, Any]:
    """Return what would come of the call, as plain data. Raises QuestionError."""
    caller, to = _place(rules, question.caller), _place(rules, question.to)
    said: dict[str, Any] = {
        "from": question.caller,
        "to": question.to,
        "transfer_to": question.transfer_to,
        "at": iso(question.at),
        "site": config.site.name,
        "node": config.site.node,
        "in_force": _in_force(config, rules),
    }
    if "emergency" in {caller.kind, to.kind}:
        return said | {"line": None, "verdict": UNTOUCHED, "recorded": False}
    called = caller.kind == "staff"
    if called and to.kind == "staff":
        return said | {"line": None, "verdict": COLLEAGUES, "recorded": False}
    if to.kind != "line":
        known = tuple(rules.lines)
        raise QuestionError(
            "it is not known over which line this call would go",
            on=f"--to {question.to}",
            hint=f"Name a line, or a number of one: {did_you_mean(question.to, known)}",
        )
    return said | _over(config, rules, question, to.name, called=called)


def _in_force(config: Config, rules: Policy) -> str:
    """Say whether the gate works by these rules, as the file says that it leaves for the scripts."""
    try:
        present = from_json(Layout(config.spool.path).policy.read_bytes())
    except FileNotFoundError:
        return "No gate has worked with this spool yet."
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"Whether the gate works by them cannot be seen ({getattr(error, 'strerror', None) or error})."
    if _comparable(present) == _comparable(rules):
        return f"The gate works by them (policy {present.sha256[:16]})."
    return f"THE GATE WORKS BY OTHERS (policy {present.sha256[:16]}): reload it, if this is what you want."


def _comparable(rules: Policy) -> Policy:
    """Return rules without where the copies of their announcements lie, which differs here."""

    def plain(sounds: tuple[Announcement, ...]) -> tuple[Announcement, ...]:
        return tuple(replace(one, path="", stat=(0, 0, 0, 0)) for one in sounds)

    lines = {
        name: replace(
            line,
            announcements=plain(line.announcements),
            outgoing_announcements=plain(line.outgoing_announcements),
            information=plain(line.information),
            confirmation=plain(line.confirmation),
        )
        for name, line in rules.lines.items()
    }
    return replace(rules, lines=lines)


def _over(config: Config, rules: Policy, question: Question, line: str, *, called: bool) -> dict[str, Any]:
    trunk = min(rules.trunks, default="PJSIP/trunk")
    staff = min(rules.staff, default="PJSIP/house")
    caller = question.caller
    if called:
        person, house = Person(CALLER, trunk, SOMEBODY), Person(HOUSE, caller)
    else:
        outside = (caller, "") if "/" in caller else (trunk, caller)
        person, house = Person(CALLER, *outside), Person(HOUSE, staff)
    story = Story(config, rules, line, question.at, person, house, called)
    rule = rules.lines[line]
    other, other_called, note = _transferred(rules, question.transfer_to, trunk, house)
    scenes: list[tuple[Scene, Told | None]] = list(story.scenes(other, other_called))
    told = story.told()
    return {
        "line": line,
        "mode": rule.mode.value,
        "capture": rule.capture.value,
        "direction": "outgoing" if called else "incoming",
        "purposes": list(rule.purposes),
        "never_because": rule.reason if rule.mode is Mode.NEVER else None,
        "unusable": (rule.outgoing_unusable if called else rule.unusable),
        "who": person.number or person.endpoint,
        "answered_by": house.endpoint,
        "told": asdict(told),
        "scenes": [asdict(scene) for scene, _ in scenes],
        "transferred_to_hears": next((asdict(heard) for _, heard in scenes if heard), None),
        "transfer_note": note,
        "recorded": any(scene.begins_seconds is not None for scene, _ in scenes),
        "choices": [asdict(one) for one in story.choices()],
        "later_no": rule.opt_out_sequence or None,
        "objection": {
            "ends": "everybody's recording" if rule.on_objection.value == "stop" else "the objector's recording alone",
            "destroys_within_seconds": rule.destroy_if_objected_within_seconds,
        },
        "limits": {
            "max_seconds": rule.max_seconds,
            "max_pause_seconds": rule.max_pause_seconds,
            "discard_window_seconds": rule.discard_window_seconds,
        },
        "failures": [asdict(one) for one in story.failures()],
        "retention": _retention(config, line, question.at),
        "storage": _storage(config, line, question.at),
    }


def _transferred(
    rules: Policy, target: str | None, trunk: str, house: Person
) -> tuple[Person | None, bool, str | None]:
    """Return to whom, whether they are called through the gate, and what is to be said of it."""
    if target is None:
        return None, False, None
    place = _place(rules, target)
    match place.kind:
        case "staff":
            return Person(NEXT, target), False, None
        case "line":
            note = "a call that has passed the gate keeps the rules of its first line: nobody is told a second time"
            return Person(NEXT, min(rules.staff - {house.endpoint}, default=house.endpoint)), False, note
        case "emergency":
            return Person(NEXT, trunk, target), False, "calls to emergency numbers have no line of ours in their route"
        case _:
            note = "by a route with U(consentgate-party^LINE) of the same line, as dialplan/README.md has it"
            return (Person(NEXT, target) if "/" in target else Person(NEXT, trunk, target)), True, note


def _place(rules: Policy, text: str) -> _Place:
    """Return what somebody means by a number, an endpoint or a name. Raises QuestionError."""
    if text in rules.emergency_numbers:
        return _Place("emergency", text)
    if text in rules.staff:
        return _Place("staff", text)
    by_number = {number: line.name for line in rules.lines.values() for number in line.numbers}
    if text in rules.lines or text in by_number:
        return _Place("line", by_number.get(text, text))
    if "/" in text or NUMBER.fullmatch(text):
        return _Place("outside", text)
    known = (*rules.lines, *sorted(rules.staff))
    hint = f"A number, an endpoint as PJSIP/2001, or a line; {did_you_mean(text, known)}"
    raise QuestionError("nobody is called that", on=text, hint=hint)


def _retention(config: Config, line: str, at: Instant) -> dict[str, Any] | None:
    name = config.lines[line].retention
    if name is None:
        return None
    kept = config.retention[name]
    asked = datetime.fromtimestamp(at / MICROSECONDS, UTC).date()
    return {
        "class": name,
        "keep": str(kept.keep),
        "from": kept.since,
        "citation": kept.citation,
        "checked": kept.checked.isoformat(),
        "checked_days_ago": (asked - kept.checked).days,
    }


def _storage(config: Config, line: str, at: Instant) -> dict[str, Any]:
    s3, locking = config.s3, terms_of(config).locking
    until = locking.until(line, at)
    return {
        "bucket": s3.bucket,
        "region": s3.region,
        "endpoint_url": s3.endpoint_url,
        "folder": object_folder(s3.prefix, RecordingId("<recording>"), at),
        "encryption": s3.encryption or "the bucket's own",
        "object_lock": locking.mode.value,
        "locked_until": iso(until) if until is not None else None,
        "lock_is_demanded": locking.demanded,
        "legal_hold": locking.legal_hold,
        "kept_here_seconds": s3.keep_audio_seconds,
        "signed": config.signing.key is not None,
        "spool": str(config.spool.path),
    }
