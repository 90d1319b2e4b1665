"""Do the keys of the lines and those of Asterisk's own files agree?

A caller is promised that a short sequence is a no at any time. In a conversation it is Asterisk that hears it
(features.conf), in a conference the menu of ConfBridge, and in a queue the gate, unless the queue's own context takes
the caller away first. Nothing here asks a running Asterisk: its files are compared with the compiled policy.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from ari_app.core.policy import Line
from ari_app.errors import FINDING, GOOD

from .asterisk_files import Dialplan, File, plain, read, text_of
from .finding import Finding

HOUSE = "consentgate-features,"
OBJECT = f"{HOUSE}object"
MENU_OBJECTS = "dialplan_exec(consentgate-conference,object,1), as in dialplan/consentgate-confbridge.conf"
FILES = ("features.conf", "queues.conf", "confbridge.conf", "extensions.conf")
NEVER_SEEN = "AEL, Lua, databases"

DEFAULTS = {"blindxfer": "#", "disconnect": "*"}
"""What [featuremap] means where it does not say anything (features_config.c); for whom a Dial allows them."""
DEFAULT_PICKUP = "*8"

_FEATURES = {"atxfer", "blindxfer", "disconnect", "parkcall", "automon", "automixmon"}
_RECORDS = ("automon", "automixmon")
_GRANTED = re.compile(r"DYNAMIC_FEATURES\s*=>?\s*\"?([^\s,)\"]*)")
_OBJECTS = re.compile(rf'Gosub(,"|\("?){OBJECT}\b', re.IGNORECASE)
_TRUE = {"yes", "true", "y", "t", "1", "on"}


@dataclass(frozen=True, slots=True)
class Code:
    """Keys that Asterisk acts on in a conversation: what they are called, and what they run."""

    name: str
    keys: str
    runs: str = ""
    on: str = "self"

    @property
    def objects(self) -> bool:
        """Whether it is an objection: the line of ours. Without quotes or brackets its commas would part it."""
        return bool(_OBJECTS.match(re.sub(r"\s", "", self.runs)))


def _application(name: str, value: str) -> Code:
    keys, on, runs = [*(part.strip() for part in value.split(",", 2)), "", ""][:3]
    return Code(name, keys, runs, on.partition("/")[0].lower())


class Features:
    """features.conf."""

    def __init__(self, file: File) -> None:
        self.applications = {
            entry.key.casefold(): _application(entry.key, entry.value) for entry in file.entries("applicationmap")
        }
        known = {"general", "featuremap", "applicationmap"}
        self.groups = {
            name.casefold(): [self._of_group(entry.key, entry.value) for entry in entries]
            for name, entries in file.sections.items()
            if name not in known
        }
        mapped = {one: file.value("featuremap", one) for one in sorted(_FEATURES)}
        self.mapped = [Code(name, keys) for name, keys in mapped.items() if keys]
        self.unsaid = [Code(name, DEFAULTS[name]) for name, keys in mapped.items() if keys is None and name in DEFAULTS]
        pickup = file.value("general", "pickupexten")
        self.pickup = DEFAULT_PICKUP if pickup is None else pickup

    def _of_group(self, name: str, keys: str) -> Code:
        # A group may give an entry other keys than its own.
        own = self.applications.get(name.casefold(), Code(name, ""))
        return Code(own.name, keys or own.keys, own.runs, own.on)

    def named(self, name: str) -> list[Code]:
        """Return what a word of DYNAMIC_FEATURES stands for."""
        single = self.applications.get(name.casefold())
        return self.groups.get(name.casefold(), [single] if single else [])

    @property
    def dynamic(self) -> list[Code]:
        """Everything of [applicationmap], with the keys that groups give it."""
        every = [*self.applications.values(), *(one for group in self.groups.values() for one in group)]
        return list(dict.fromkeys(one for one in every if one.keys))


def sequences(lines: Mapping[str, Line]) -> dict[str, str]:
    """Return each sequence by which callers object, and of which lines it is."""
    found: dict[str, list[str]] = {}
    for name, line in lines.items():
        if line.opt_out_sequence:
            found.setdefault(line.opt_out_sequence, []).append(name)
    return {keys: ", ".join(sorted(names)) for keys, names in sorted(found.items())}


def look(folder: Path, lines: Mapping[str, Line], *, guarded: bool) -> Iterator[Finding]:
    """Compare the lines' keys with the files of a folder that is there; the last finding says what was compared."""
    files = {name: read(folder, name) for name in FILES}
    features_file, queues, conferences, extensions = files.values()
    wanted, dialplan = sequences(lines), Dialplan(extensions)
    granted, unread, in_database = _granted(folder, extensions)
    unseen = [*dict.fromkeys([*(one for file in files.values() for one in file.unseen), *dialplan.unseen, *unread])]
    found: list[Finding] = []
    features = Features(features_file)
    if features_file.there:
        found += [*_heard(features, wanted), *_collisions(features), *_doors(features, guarded=guarded)]
        # Where not every file could be read, nobody can say that it stands in none of them.
        found += _holders(features, wanted, granted, complete=not unread and not in_database)
    found += _queues(queues, dialplan, wanted, guarded=guarded)
    found += _answering(dialplan, wanted)
    complete = extensions.there and not extensions.unseen
    found += _menus(conferences, dialplan, wanted, complete=complete)
    found += _house_menus(conferences, dialplan, features, complete=complete)
    found += _conference_records(conferences, guarded=guarded)
    yield from found
    keys = ", ".join(f"{one} of {names}" for one, names in wanted.items()) or "no line has a sequence"
    verdict = f"{keys}; compared with {', '.join(FILES)}; not seen: {', '.join([*unseen, NEVER_SEEN])}"
    yield Finding(f"keys in {folder}", verdict, GOOD)


def _granted(folder: Path, extensions: File) -> tuple[list[str], list[str], bool]:
    """Return the words of DYNAMIC_FEATURES, which files could not be read, and whether endpoints are in a database."""
    texts, unread = [entry.value for entries in extensions.sections.values() for entry in entries], list[str]()
    # [globals] sets it by its name alone.
    texts += [f"{one.key}={one.value}" for one in extensions.entries("globals")]
    in_database = False
    for path in sorted(folder.rglob("*.conf")):
        try:
            lines = list(plain(text_of(path)))
        except OSError as error:
            unread.append(f"{path.relative_to(folder)} ({error.strerror})")
            continue
        texts += lines
        in_database = in_database or any("ps_endpoints" in line for line in lines)
    words = [word for text in texts for values in _GRANTED.findall(text) for word in values.split("#")]
    return [word for word in dict.fromkeys(words) if word and "$" not in word], unread, in_database


def _heard(features: Features, wanted: dict[str, str]) -> Iterator[Finding]:
    subject = "features.conf [applicationmap]"
    for keys, lines in wanted.items():
        if not any(one.objects and one.keys == keys for one in features.dynamic):
            verdict = (
                f"has no entry for {keys} ({lines}): whoever presses it in a conversation is not heard by Asterisk"
            )
            hint = f'consent-object => {keys},self,Gosub,"{OBJECT},1"'
            yield Finding(subject, verdict, FINDING, hint)
    for one in features.applications.values():
        if one.objects and one.on != "self":
            verdict = f"{one.name} runs on the other one's channel: not the objector's recorder would be stopped"
            yield Finding(subject, verdict, FINDING, f"{one.name} => {one.keys},self,…")


def _collide(one: Code, other: Code) -> bool:
    return one.keys.startswith(other.keys) or other.keys.startswith(one.keys)


def _collisions(features: Features) -> Iterator[Finding]:
    every = [*features.mapped, *features.dynamic]
    for one, other in combinations(every, 2):
        if _collide(one, other):
            first, second = sorted((one, other), key=lambda code: len(code.keys))
            verdict = (
                f"{first.name} ({first.keys}) and {second.name} ({second.keys}): Asterisk acts on the first that fits"
            )
            yield Finding("features.conf", verdict, FINDING, "give one of them other keys: none may begin with another")
    for default in features.unsaid:
        taken = [f"{one.name} ({one.keys})" for one in every if _collide(default, one)]
        if taken:
            verdict = f"{default.name} is not set, so it is {default.keys}, with which {', '.join(taken)} begins"
            hint = f"only who has it by an option of Dial or Queue is concerned; write: {default.name} ="
            yield Finding("features.conf [featuremap]", verdict, hint=hint, warning=True)


def _doors(features: Features, *, guarded: bool) -> Iterator[Finding]:
    if features.pickup:
        verdict = f"pickupexten is {features.pickup}: whoever picks up is let in past the gate, untold"
        hint = 'write "pickupexten =" (its default is *8), and give pickup a route: dialplan/README.md'
        yield Finding("features.conf [general]", verdict, FINDING, hint)
    for one in features.mapped:
        if one.name in _RECORDS:
            yield _records("features.conf [featuremap]", f"{one.name} is {one.keys}", guarded=guarded)


def _records(subject: str, what: str, *, guarded: bool) -> Finding:
    verdict = f"{what}: it records whoever is there, told or not"
    if guarded:
        return Finding(subject, verdict, hint="the guard deals with it; take it out all the same", warning=True)
    return Finding(subject, verdict, FINDING, "take it out")


def _holders(features: Features, wanted: dict[str, str], granted: list[str], *, complete: bool) -> Iterator[Finding]:
    for word in granted:
        if not features.named(word):
            verdict = f"names {word}, which is neither in [applicationmap] nor a group of features.conf"
            yield Finding("DYNAMIC_FEATURES", verdict, FINDING, "whoever should have these keys has none of them")
        for one in features.groups.get(word.casefold(), []):
            if one.name.casefold() not in features.applications:
                verdict = f"names {one.name}, which is not in [applicationmap]"
                yield Finding(
                    f"features.conf [{word}]", verdict, FINDING, "nothing happens when these keys are pressed"
                )
    held = {one.keys for word in granted for one in features.named(word) if one.objects}
    for keys in wanted if complete else ():
        names = [one.name for one in features.dynamic if one.objects and one.keys == keys]
        if names and keys not in held:
            verdict = f"nobody has {keys}: {names[0]} is named nowhere"
            hint = f"pjsip.conf, in each endpoint of the outside: set_var = DYNAMIC_FEATURES={names[0]}"
            yield Finding("DYNAMIC_FEATURES", verdict, FINDING, hint)


def _queues(file: File, dialplan: Dialplan, wanted: dict[str, str], *, guarded: bool) -> Iterator[Finding]:
    for name in file.sections:
        if name == "general":
            continue
        subject, context = f"queues.conf [{name}]", file.value(name, "context")
        for keys in wanted if context else ():
            if left := dialplan.leaves(context or "", keys):
                typed, extension = left
                verdict = f"whoever presses {keys} leaves the queue with {typed}: {extension} in context {context}"
                yield Finding(subject, verdict, FINDING, "give that extension other keys, or the line another sequence")
        if file.value(name, "monitor-format"):
            yield _records(subject, "monitor-format is set", guarded=guarded)


def _answering(dialplan: Dialplan, wanted: dict[str, str]) -> Iterator[Finding]:
    for context in dialplan.menus:
        for keys in wanted:
            if left := dialplan.leaves(context, keys):
                typed, extension = left
                verdict = f"whoever presses {keys} in this menu is also taken to {extension}, by {typed}"
                hint = "the gate hears their no all the same; other keys would spare them the way"
                yield Finding(f"extensions.conf [{context}]", verdict, hint=hint, warning=True)


def _menus(file: File, dialplan: Dialplan, wanted: dict[str, str], *, complete: bool) -> Iterator[Finding]:
    for name, keys_of in _menus_of(file):
        for keys in wanted:
            for pressed, does in keys_of.items():
                if _disturbs(pressed, does, keys, keys_of) and not (
                    pressed == keys and _runs(OBJECT, does, dialplan, complete=complete)
                ):
                    verdict = f"{pressed} is {does}: whoever presses {keys} means that they object"
                    yield Finding(f"confbridge.conf [{name}]", verdict, FINDING, f"{keys} = {MENU_OBJECTS}")


def _house_menus(file: File, dialplan: Dialplan, features: Features, *, complete: bool) -> Iterator[Finding]:
    """Compare what the house's keys mean in a conversation with what they mean in a conference."""
    house = {one.keys: one.name for one in features.dynamic if HOUSE in one.runs and not one.objects}
    for name, keys_of in _menus_of(file):
        for pressed, does in keys_of.items():
            ours = _runs(HOUSE, does, dialplan, complete=complete)
            taken = [
                f"{keys} is {feature}"
                for keys, feature in house.items()
                if _disturbs(pressed, does, keys, keys_of) and not (pressed == keys and ours)
            ]
            if taken:
                verdict = f"{pressed} is {does}, and in a conversation {', '.join(taken)}"
                hint = "dialplan/consentgate-confbridge.conf has the same keys as features.conf: give yours others"
                yield Finding(f"confbridge.conf [{name}]", verdict, hint=hint, warning=True)


def _menus_of(file: File) -> Iterator[tuple[str, dict[str, str]]]:
    for name in file.sections:
        if file.value(name, "type") == "menu":
            yield (
                name,
                {one.key: one.value for one in file.entries(name) if re.fullmatch(r"[0-9*#A-D]+", one.key)},
            )


def _disturbs(pressed: str, does: str, keys: str, menu: dict[str, str]) -> bool:
    """Tell whether a menu's keys are those of the sequence, or stand in its way, or the sequence in theirs."""
    if pressed != keys and keys.startswith(pressed) and does.startswith("playback_and_continue") and keys in menu:
        # This action alone waits for the keys that follow.
        return False
    return keys.startswith(pressed) or pressed.startswith(keys)


def _runs(wanted: str, does: str, dialplan: Dialplan, *, complete: bool) -> bool:
    found = re.fullmatch(r"dialplan_exec\(([^,()]+),([^,()]+),[^,()]+\)", does.replace(" ", ""))
    if not found:
        return False
    lines = dialplan.lines(found[1], found[2])
    # An extension in a file that could not be read may be the right one.
    return any(wanted in line.replace(" ", "") for line in lines) or (not lines and not complete)


def _conference_records(file: File, *, guarded: bool) -> Iterator[Finding]:
    for name in file.sections:
        if (file.value(name, "record_conference") or "").lower() in _TRUE:
            yield _records(f"confbridge.conf [{name}]", "record_conference is on", guarded=guarded)
