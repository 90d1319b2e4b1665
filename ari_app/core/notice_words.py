"""What a public notice says, in English; a site may give the same sentences in another language.

Each says no more than the program guarantees or the configuration holds. The last four are empty: what they would say
no program knows, so the notice shows a blank there until somebody has written it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final


@dataclass(frozen=True, slots=True)
class Wording:
    """The sentences of a notice; what stands in {braces} is put in from the configuration."""

    language: str = "en"
    title: str = "Recording of telephone calls at {site}"
    who: str = "{site} records telephone calls on the lines below."
    who_none: str = "{site} records no telephone calls."
    told_first: str = (
        "Nothing that you say is recorded before you have heard an announcement to its end. If it cannot be played to "
        "its end, you are not recorded."
    )
    call_goes_on: str = "The call goes on in any case, recorded or not."
    everybody: str = (
        "The same holds for everybody from outside who can be heard in the call; our own staff know of it from their "
        "work. Nobody is recorded on hold, or while somebody is in the call who has not been told."
    )
    entry: str = (
        "Of each call it is noted when it was, on which line, and who was told what. Telephone numbers are kept "
        "encrypted."
    )
    purposes_title: str = "What for, and on which legal basis"
    purposes: str = "Calls are recorded for: {purposes}."
    lines_title: str = "Lines on which calls are recorded"
    line: str = "{line}: {numbers}"
    line_without_numbers: str = "{line}"
    announce: str = "You are told that the call is recorded; recording begins after that."
    announce_opt_out: str = (
        "You are told that the call is recorded, and may say no: press {key} at any time during the announcement, and "
        "nothing is recorded."
    )
    opt_in: str = (
        "You are asked. The call is recorded only if you press {key} after the announcement; silence or any other key "
        "is a no."
    )
    conversation: str = "Only the conversation is recorded, not the waiting before it."
    waiting: str = "You are recorded from the end of the announcement on, also while you wait for somebody to answer."
    called: str = (
        "If we call you from this line, you hear an announcement when you answer, and are recorded only after it."
    )
    not_called: str = "If we call you from this line, you are not recorded."
    heard: str = "You hear:"
    heard_when_called: str = "You hear, if we call you:"
    line_purposes: str = "For: {purposes}."
    never_title: str = "Calls that are never recorded"
    never: str = "{line} ({numbers}): {reason}."
    never_without_numbers: str = "{line}: {reason}."
    emergency: str = "Calls to {numbers} (emergency numbers)."
    object_title: str = "If you do not want to be recorded"
    object_free: str = "Saying no needs no reason and changes nothing else: the call goes on as any other."
    object_during: str = "{line}: press {key} during the announcement."
    object_ask: str = "{line}: do nothing, or press any key but {key}."
    object_later: str = "{line}: at any later time press {keys} on your telephone."
    object_otherwise: str = "{line}: {how}"
    destroyed: str = (
        "{line}: if you do so within {seconds} seconds of the beginning of the recording, what was recorded before is "
        "destroyed as well. Later it is kept."
    )
    not_destroyed: str = "{line}: what was recorded before is kept."
    stops: str = "{line}: a no ends the recording of everybody in the call."
    leaves_out: str = "{line}: a no ends the recording of your voice; others in the call who were told are recorded on."
    kept_title: str = "How long recordings are kept"
    kept_from_call: str = "{line}: {period} from the call. The rule: {citation} (read on {date})."
    kept_from_contact: str = "{line}: {period} from the last contact. The rule: {citation} (read on {date})."
    day: str = "{count} day"
    days: str = "{count} days"
    week: str = "{count} week"
    weeks: str = "{count} weeks"
    month: str = "{count} month"
    months: str = "{count} months"
    year: str = "{count} year"
    years: str = "{count} years"
    contact_title: str = "Whom to ask"
    contact_needs: str = "A call is found by its day, its time, and the number that was called."
    made: str = "This notice was made from the configuration of the telephone system on {date}."
    blank: str = "to be filled in: {what}"
    no_numbers: str = "the telephone numbers of the line {line}"
    no_purposes: str = "the purposes of the line {line}"
    no_period: str = "how long recordings of the line {line} are kept, and by which rule"
    no_key: str = "how somebody says no on the line {line}, which has no key for it"
    no_reason: str = "why the line {line} is never recorded"
    no_legal_basis: str = "the legal basis of recording, for each purpose"
    no_recipients: str = "who may listen to recordings, and to whom they are given"
    no_contact: str = "who answers questions, requests to hear or delete a recording, and complaints"
    legal_basis: str = ""
    recipients: str = ""
    contact: str = ""
    without_key: str = ""


ENGLISH: Final = Wording()
FILLED: Final = frozenset({"legal_basis", "recipients", "contact", "without_key"})
"""What only the site can say; a wording may leave them empty, and the notice then has a blank."""

_BRACES = re.compile(r"\{(\w+)\}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z")
_LONGEST = 4000


def fill(sentence: str, **values: object) -> str:
    """Return a sentence with what stands in its braces; braces that nobody knows stay as they are."""
    return _BRACES.sub(lambda found: str(values.get(found[1], found[0])), sentence)


def problems(given: Mapping[str, object]) -> list[str]:
    """Return what is wrong with a wording that somebody wrote; a sentence each. None: `Wording(**given)` is right."""
    known = {one.name: str(one.default) for one in fields(Wording)}
    said = [f"{name} is missing" for name in known if name not in given and name not in FILLED]
    said += [f"{name} is not known" for name in given if name not in known]
    for name, value in given.items():
        if name in known:
            said += [f"{name} {what}" for what in _wrong(name, value, known[name])]
    return said


def _wrong(name: str, value: object, english: str) -> list[str]:
    if not isinstance(value, str):
        return ["is not text: put it in quotes"]
    if not value.strip() and name not in FILLED:
        return ["is empty"]
    if len(value) > _LONGEST or not all(one.isprintable() or one == "\n" for one in value):
        return [f"is longer than {_LONGEST} characters, or holds some that cannot be printed"]
    if name == "language":
        return [] if _LANGUAGE.match(value) else ["is not a language, as en, cy or en-GB"]
    has, needs = set(_BRACES.findall(value)), set(_BRACES.findall(english))
    return [f"has not {{{one}}}" for one in sorted(needs - has)] + [
        f"cannot have {{{one}}}" for one in sorted(has - needs)
    ]
