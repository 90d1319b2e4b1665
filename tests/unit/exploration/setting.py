"""The worlds that are explored: who is in them, and what may happen there."""

from dataclasses import dataclass, replace
from typing import Final

from unit.exploration.deeds import MOODS, WELL
from unit.exploration.scene import HOUSE, TRUNK, WIRE

from ari_app.core.names import ChannelId
from ari_app.core.policy import Announcement, Capture, Line, Mode, OnObjection

A, B = ChannelId("1.a"), ChannelId("2.b")
"""A caller, and somebody who was called; each has a recording of their own."""

S, T = ChannelId("3.s"), ChannelId("4.t")
"""A house telephone, and another line of it."""

X = ChannelId("5.x")
"""Somebody whom nobody has told anything."""

L, M = ChannelId("6.l"), ChannelId("7.m")
"""The two halves of a Local channel: a wire inside Asterisk, with nobody at its ends."""

PEOPLE: Final = {A: TRUNK, B: TRUNK, S: HOUSE, T: HOUSE, X: TRUNK, L: WIRE, M: WIRE}

SOUND = Announcement("a", "en", "This call may be recorded.", "a" * 64, "/a.wav", 16000, 8000, 1500, (1, 2, 3, 4))
SECOND_SOUND = replace(SOUND, name="b", language="cy")
LINE = Line("advice-line", Mode.ANNOUNCE, (SOUND,), outgoing_announcements=(SOUND,))

LOSSES: Final = frozenset({"lose", "restart"})
ONE_CALLS: Final = frozenset({"hours", "ask to hang up", "lifeline"})
"""What ends one call's recording and is nobody else's matter: with three parties there is enough to see."""

EVERYTHING: Final = LOSSES | ONE_CALLS | {"object", "pause", "late"}


@dataclass(frozen=True)
class Setting:
    """One world.

    `free`: captures, by (recording's owner, channel), whose answers come in any order, or late, or get lost; all others
    are answered at once, well or badly (`moods`). At most `segments` of a recording have unanswered orders. `fine`: an
    announcement is followed step by step. `hurried`: things may follow each other at once, else seconds lie between.
    `younger`: A came after B. `may`: what may happen at all; to whom, of hold (`holds`), music (`listens`), a pause's
    key (`presses`) and a masquerade (`changes`). `seized`: whoever is in our Stasis may be bridged, held and played
    music to. `unlisted`: of the lists that Asterisk gives after a loss, this one is only in one. `spies`: who
    may listen to whom.
    """

    people: tuple[ChannelId, ...]
    bridges: int = 1
    line: Line = LINE
    may: frozenset[str] = frozenset()
    moods: tuple[str, ...] = (WELL,)
    free: frozenset[tuple[ChannelId, ChannelId]] = frozenset()
    segments: int = 2
    fine: bool = False
    hurried: bool = False
    younger: bool = False
    seized: bool = False
    holds: tuple[ChannelId, ...] = ()
    listens: tuple[ChannelId, ...] = ()
    presses: tuple[ChannelId, ...] = (S,)
    changes: tuple[ChannelId, ...] = ()
    unlisted: ChannelId | None = None
    conferences: int = 0
    spies: tuple[tuple[ChannelId, ChannelId], ...] = ()


WORLDS: Final = {
    "three parties": Setting(
        (A, B, S),
        bridges=2,
        may=EVERYTHING - ONE_CALLS,
        moods=MOODS,
        holds=(S,),
        listens=(A,),
    ),
    "the other one was here first": Setting(
        (A, B, S), younger=True, may=frozenset({"object", "pause", "late"}), moods=MOODS, holds=(S,)
    ),
    "who objects is left out": Setting(
        (A, B, S),
        line=replace(LINE, on_objection=OnObjection.LEAVE_OUT),
        may=frozenset({"object", "pause", "restart"}),
        moods=MOODS,
        holds=(S,),
    ),
    "somebody takes the place of who is left out": Setting(
        (A, B, S),
        line=replace(LINE, on_objection=OnObjection.LEAVE_OUT),
        may=frozenset({"object", "restart"}),
        changes=(A,),
    ),
    "somebody takes a guest's place": Setting((A, B, S), may=frozenset({"object", "late"}), changes=(B,)),
    "a stranger": Setting(
        (A, X, S),
        bridges=2,
        may=EVERYTHING - ONE_CALLS | {"old"},
        moods=MOODS,
        holds=(S,),
        listens=(X,),
        changes=(A, S),
        unlisted=X,
    ),
    "one call": Setting((A, S), bridges=2, may=EVERYTHING | {"old"}, moods=MOODS, holds=(S,), listens=(A,)),
    "two announcements, step by step": Setting(
        (A, S),
        line=replace(LINE, announcements=(SOUND, SECOND_SOUND)),
        may=EVERYTHING,
        fine=True,
        seized=True,
        holds=(S, A),
        listens=(A,),
    ),
    "from the announcement on": Setting(
        (A, X, S),
        line=replace(LINE, capture=Capture.AFTER_ANNOUNCEMENT),
        may=EVERYTHING,
        holds=(S,),
        listens=(A,),
    ),
    "a room that flaps": Setting(
        (A, S), may=frozenset({"time", "pause", "object"}), moods=MOODS[:2], hurried=True, holds=(S,)
    ),
    "answers about the house in any order": Setting(
        (A, B, S), may=frozenset({"object"}), free=frozenset({(A, S)}), segments=1
    ),
    "answers about the owner in any order": Setting(
        (A, S), may=EVERYTHING, free=frozenset({(A, A)}), segments=1, holds=(S,)
    ),
    "answers about both in any order": Setting((A, S), free=frozenset({(A, A), (A, S)}), segments=1),
    "answers that a next segment overtakes": Setting((A, S), may=frozenset({"object"}), free=frozenset({(A, A)})),
    "answers about the house that a next segment overtakes": Setting((A, S), free=frozenset({(A, S)})),
    "two lines of one telephone": Setting((A, S, T, X), bridges=2, holds=(S, T)),
    "two callers on two lines of one telephone": Setting((A, B, S, T), bridges=2, holds=(S,)),
    "a wire between": Setting((A, X, L, M), bridges=2),
    "a wire between two callers": Setting((A, B, L, M), bridges=2),
    "a conference": Setting((A, B, S), conferences=1, may=frozenset({"restart", "object"}), moods=MOODS, holds=(S,)),
    "a conference with a stranger": Setting(
        (A, X, S), bridges=1, conferences=1, may=LOSSES | {"late", "old"}, holds=(S,), unlisted=X
    ),
    "somebody listens": Setting(
        (A, X, S), may=frozenset({"object", "late"}), moods=MOODS, holds=(S,), spies=((X, A), (X, S), (S, A))
    ),
    "a told one listens": Setting(
        (A, B, X), bridges=0, conferences=1, may=frozenset({"object"}), spies=((B, A), (B, X), (X, B), (A, B))
    ),
    "a line that is never recorded": Setting((A,), line=Line("advice-line", Mode.NEVER), may=EVERYTHING),
    "a line without a sound for whoever is called": Setting(
        (B,), line=replace(LINE, outgoing_announcements=()), may=EVERYTHING
    ),
}

SMALL_WORLDS: Final = {
    "one call": Setting((A, S), may=EVERYTHING | {"old"}, moods=MOODS[:2], holds=(S,), listens=(A,)),
    "never": WORLDS["a line that is never recorded"],
    "step by step": Setting((A, S), may=EVERYTHING - LOSSES, fine=True, seized=True, holds=(A,)),
    "a room that flaps": Setting((A, S), may=frozenset({"time", "pause"}), hurried=True),
    "the owner's answers": Setting((A, S), may=frozenset({"object"}), free=frozenset({(A, A)}), segments=1),
    "the house's answers": Setting((A, S), may=frozenset({"object"}), free=frozenset({(A, S)}), segments=1),
    "who objects is left out": replace(WORLDS["who objects is left out"], may=frozenset({"object"}), moods=(WELL,)),
    "somebody takes their place": WORLDS["somebody takes the place of who is left out"],
    "who objects is not left out": Setting((A, B, S), may=frozenset({"object"})),
    "a stranger": Setting((A, X, S), may=frozenset({"restart"}), changes=(A, S), listens=(X,), unlisted=X),
    "somebody takes a guest's place": Setting((A, B), changes=(B,)),
    "two lines": Setting((A, S, T, X), bridges=2, holds=(S,)),
    "a wire": Setting((A, S, L, M), bridges=2),
    "a conference": Setting((A, S), conferences=1),
    "somebody listens": Setting((A, X, S), spies=((X, A), (X, S), (S, A))),
    "two callers on two lines": Setting((A, B, S, T), bridges=2),
}
"""Where a slip in the core is found in a moment."""
