"""The public notice: what a site tells everybody who may be recorded, made from its configuration alone.

Nothing in it is invented. What the configuration does not hold and nobody has written into the wording is a blank, of
which the notice says that it is one: a notice with a blank is not ready for the public.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from .notice_words import Wording, fill
from .policy import Mode, OnObjection


class Kind(StrEnum):
    """How a piece of a notice is shown."""

    SAID = "said"
    QUOTED = "quoted"
    """What callers hear, in the language in which they hear it."""
    BLANK = "blank"


@dataclass(frozen=True, slots=True)
class Spoken:
    """What is heard of an announcement, and in which language."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A retention class; `unit` is day, week, month or year, `since` call or last_contact, `checked` a date."""

    count: int
    unit: str
    since: str
    citation: str
    checked: str


@dataclass(frozen=True, slots=True)
class Line:
    """What the public may know of a line; `destroyed_seconds`: how young a recording is that a no destroys whole."""

    name: str
    mode: Mode
    numbers: tuple[str, ...] = ()
    purposes: tuple[str, ...] = ()
    spoken: tuple[Spoken, ...] = ()
    spoken_when_called: tuple[Spoken, ...] = ()
    opt_out_key: str = ""
    consent_key: str = ""
    opt_out_sequence: str = ""
    destroyed_seconds: int = 0
    on_objection: OnObjection = OnObjection.STOP
    records_waiting: bool = False
    kept: Kept | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """The site as its configuration has it. `made`: the day, as 2026-11-01."""

    site: str
    lines: tuple[Line, ...]
    emergency_numbers: tuple[str, ...]
    made: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A sentence, a quotation or a blank; `language` differs from the notice's only in a quotation."""

    kind: Kind
    text: str
    language: str


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with what stands under it. `level`: 2, or 3 for a line among lines."""

    heading: str
    level: int
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Notice:
    """The whole notice, in the order in which it is read."""

    language: str
    title: str
    sections: tuple[Section, ...]
    made: str

    @property
    def blanks(self) -> list[str]:
        """What is left for the site to write, each once."""
        pieces = (piece for section in self.sections for piece in section.pieces)
        return list(dict.fromkeys(piece.text for piece in pieces if piece.kind is Kind.BLANK))


def compose(facts: Facts, wording: Wording) -> Notice:
    """Return the notice of a site in the language of a wording."""
    writer = _Writer(facts, wording)
    title = fill(wording.title, site=facts.site)
    return Notice(wording.language, title, tuple(writer.sections()), fill(wording.made, date=facts.made))


class _Writer:
    def __init__(self, facts: Facts, wording: Wording) -> None:
        self.facts, self.words = facts, wording
        self.recorded = [line for line in facts.lines if line.mode is not Mode.NEVER]
        self.never = [line for line in facts.lines if line.mode is Mode.NEVER]

    def sections(self) -> Iterator[Section]:
        words = self.words
        yield Section("", 2, tuple(self._who()))
        if self.recorded:
            yield Section(words.purposes_title, 2, tuple(self._purposes()))
            yield Section(words.lines_title, 2, ())
        for line in self.recorded:
            yield Section(self._named(line), 3, tuple(self._line(line)))
        if self.never or self.facts.emergency_numbers:
            yield Section(words.never_title, 2, tuple(self._never()))
        if self.recorded:
            yield Section(words.object_title, 2, tuple(self._objecting()))
            yield Section(words.kept_title, 2, tuple(self._keeping()))
            yield Section(words.contact_title, 2, tuple(self._contact()))

    def _said(self, sentence: str, **values: object) -> Piece:
        return Piece(Kind.SAID, fill(sentence, **values), self.words.language)

    def _blank(self, what: str, **values: object) -> Piece:
        return Piece(Kind.BLANK, fill(self.words.blank, what=fill(what, **values)), self.words.language)

    def _filled(self, sentence: str, what: str) -> Piece:
        """Return what the site has written, or the blank in which it shall."""
        return self._said(sentence) if sentence else self._blank(what)

    def _who(self) -> Iterator[Piece]:
        words = self.words
        if not self.recorded:
            yield self._said(words.who_none, site=self.facts.site)
            return
        yield self._said(words.who, site=self.facts.site)
        for sentence in (words.told_first, words.everybody, words.call_goes_on, words.entry):
            yield self._said(sentence)

    def _purposes(self) -> Iterator[Piece]:
        purposes = dict.fromkeys(purpose for line in self.recorded for purpose in line.purposes)
        if purposes:
            yield self._said(self.words.purposes, purposes=", ".join(purposes))
        for line in self.recorded:
            if not line.purposes:
                yield self._blank(self.words.no_purposes, line=line.name)
        yield self._filled(self.words.legal_basis, self.words.no_legal_basis)

    def _named(self, line: Line) -> str:
        words = self.words
        sentence = words.line if line.numbers else words.line_without_numbers
        return fill(sentence, line=line.name, numbers=", ".join(line.numbers))

    def _line(self, line: Line) -> Iterator[Piece]:
        words = self.words
        if not line.numbers:
            yield self._blank(words.no_numbers, line=line.name)
        match line.mode:
            case Mode.ANNOUNCE_OPT_OUT:
                yield self._said(words.announce_opt_out, key=line.opt_out_key)
            case Mode.OPT_IN:
                yield self._said(words.opt_in, key=line.consent_key)
            case _:
                yield self._said(words.announce)
        yield self._said(words.waiting if line.records_waiting else words.conversation)
        if line.purposes:
            yield self._said(words.line_purposes, purposes=", ".join(line.purposes))
        yield from self._heard(words.heard, line.spoken)
        yield self._said(words.called if line.spoken_when_called else words.not_called)
        yield from self._heard(words.heard_when_called, line.spoken_when_called)

    def _heard(self, sentence: str, spoken: tuple[Spoken, ...]) -> Iterator[Piece]:
        if spoken:
            yield self._said(sentence)
            yield from (Piece(Kind.QUOTED, one.text, one.language) for one in spoken)

    def _never(self) -> Iterator[Piece]:
        words = self.words
        for line in self.never:
            sentence = words.never if line.numbers else words.never_without_numbers
            if line.reason:
                yield self._said(sentence, line=line.name, numbers=", ".join(line.numbers), reason=line.reason)
            else:
                yield self._blank(words.no_reason, line=line.name)
        if self.facts.emergency_numbers:
            yield self._said(words.emergency, numbers=", ".join(self.facts.emergency_numbers))

    def _objecting(self) -> Iterator[Piece]:
        words = self.words
        yield self._said(words.object_free)
        for line in self.recorded:
            if line.mode is Mode.OPT_IN:
                yield self._said(words.object_ask, line=line.name, key=line.consent_key)
            if line.opt_out_key:
                yield self._said(words.object_during, line=line.name, key=line.opt_out_key)
            if line.opt_out_sequence:
                yield self._said(words.object_later, line=line.name, keys=line.opt_out_sequence)
                yield from self._afterwards(line)
            elif words.without_key:
                yield self._said(words.object_otherwise, line=line.name, how=words.without_key)
            else:
                yield self._blank(words.no_key, line=line.name)

    def _afterwards(self, line: Line) -> Iterator[Piece]:
        words = self.words
        if line.destroyed_seconds:
            yield self._said(words.destroyed, line=line.name, seconds=line.destroyed_seconds)
        else:
            yield self._said(words.not_destroyed, line=line.name)
        leaves_out = line.on_objection is OnObjection.LEAVE_OUT
        yield self._said(words.leaves_out if leaves_out else words.stops, line=line.name)

    def _keeping(self) -> Iterator[Piece]:
        words = self.words
        for line in self.recorded:
            kept = line.kept
            if kept is None:
                yield self._blank(words.no_period, line=line.name)
                continue
            sentence = words.kept_from_contact if kept.since == "last_contact" else words.kept_from_call
            period = self._period(kept)
            yield self._said(sentence, line=line.name, period=period, citation=kept.citation, date=kept.checked)

    def _period(self, kept: Kept) -> str:
        words = self.words
        one, many = {
            "day": (words.day, words.days),
            "week": (words.week, words.weeks),
            "month": (words.month, words.months),
            "year": (words.year, words.years),
        }[kept.unit]
        return fill(one if kept.count == 1 else many, count=kept.count)

    def _contact(self) -> Iterator[Piece]:
        words = self.words
        yield self._filled(words.contact, words.no_contact)
        yield self._filled(words.recipients, words.no_recipients)
        yield self._said(words.contact_needs)
