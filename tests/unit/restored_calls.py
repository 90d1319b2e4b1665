"""The journal of a call that outlived its gate, and the room that is made of it."""

from dataclasses import replace

from unit.calls import (
    AGENT,
    CALLER,
    P01,
    P02,
    heard,
    line,
    ms,
    opened,
)

from ari_app.core import evidence as ev
from ari_app.core.reasons import Reason

NAME = "PJSIP/trunk-0000001a"
OPENED = replace(opened(line()), channel_name=NAME)
OUTGOING = replace(OPENED, direction="outgoing")


def entered(party=P01, channel=CALLER, **changes):
    endpoint = {P01: "PJSIP/trunk", P02: "PJSIP/2001"}.get(party, "PJSIP/trunk")
    side = "house" if party == P02 else "outside"
    known = {"party": party, "side": side, "channel": channel, "endpoint": endpoint, "contract": party == P02}
    return ev.PartyEntered(at=ms(0), **(known | changes))


def notice(party=P01, channel=CALLER, at=2020, **changes):
    return replace(heard(party, channel, at), **changes)


def failed(party=P01):
    return ev.NoticeFailed(at=ms(1500), party=party, announcement="advice-en", reason=Reason.ANNOUNCE_TIMEOUT)


def granted(number=1, at=2020):
    return ev.PermitGranted(at=ms(at), permit=number, parties=["p01"])


def revoked(reason, number=1):
    return ev.PermitRevoked(at=ms(9000), permit=number, reason=reason)


def refused(reason):
    return ev.NotRecorded(at=ms(9000), reason=reason)


def chose(choice, why="", *, at=9000, party="p01"):
    return ev.Chose(at=ms(at), party=party, choice=choice, why=why, by=AGENT)


STARTED = ev.CaptureStarted(at=ms(2030), segment=1, party="p01", monitor="0x7f")
TOLD = (OPENED, entered(), notice())
RECORDED = (*TOLD, granted(), STARTED)
GONE_ON = (*RECORDED, revoked(Reason.GATE_RESTARTED))


def restore(core, *journal, rules=None):
    return core.restored.restore(list(journal), line() if rules is None else rules)


def room(core, *journal, rules=None):
    found = restore(core, *journal, rules=rules)
    assert found is not None
    return found.room
