"""Calls in a conversation, and in short what they write down, for the tests of rooms with more people than one."""

from dataclasses import replace

from unit.calls import AGENT, P01, P02, SECOND_AGENT, SECOND_MONITOR, colleague, line, ms
from unit.driven import STOP, Call, revoked

from ari_app.core import evidence as ev
from ari_app.core import orders as o
from ari_app.core.policy import Capture, OnObjection
from ari_app.core.reasons import Reason

LEAVE_OUT = {"on_objection": OnObjection.LEAVE_OUT}
FROM_THE_START = {"capture": Capture.AFTER_ANNOUNCEMENT}
COLLEAGUES_STOP = o.StopCapture(AGENT, 1, P02, "seg-001.p02.wav", SECOND_MONITOR)
STOPS = [STOP, COLLEAGUES_STOP]
HELD = Reason.HELD
FIRST, SECOND = colleague(), colleague(SECOND_AGENT)


def waiting(core, **rules):
    """Return a call whose caller is released, and captured as soon as they are in a conversation."""
    call = Call(core, line(**rules))
    call.waiting()
    return call


def talking(core, *members, **rules):
    """Return a call whose caller talks, with 2002 if nobody else is named."""
    call = Call(core, line(**rules))
    call.talking(*members)
    return call


def requested(at, party=P01, segment=1, *, bridged_only=True):
    return ev.CaptureRequested(
        at=ms(at),
        permit=segment,
        segment=segment,
        party=party,
        file=f"seg-{segment:03d}.{party}.wav",
        bridged_only=bridged_only,
    )


def attest(token, channel, asked):
    """Return the order to make durable that the capture of a channel is asked for."""
    return o.Attest(token, (asked,), o.Live(channel, asked.party, asked.permit, asked.file))


def permits(entry):
    """Return the order to write down what permits captures, before any of them is asked for."""
    return o.Note((entry,))


def granted(at, *parties, permit=1):
    return ev.PermitGranted(at=ms(at), permit=permit, parties=list(parties))


def narrowed(at, *parties, permit=1):
    return ev.PermitNarrowed(at=ms(at), permit=permit, parties=list(parties))


def widened(at, *parties, permit=1):
    return ev.PermitWidened(at=ms(at), permit=permit, parties=list(parties))


def hears(call, fact):
    """Return the orders of a fact but for the lamps, which have tests of their own."""
    return [order for order in call.hear(fact) if not isinstance(order, o.Lamp)]


def suspends(call, fact, reason, stops=STOPS):
    """Hear the fact, and find that it has ended the segment at its own instant, and not the recording."""
    assert hears(call, fact) == [revoked((fact.at - ms(0)) / 1000, reason, call.room.permits), *stops]
    assert call.room.permit is None
    assert (call.room.closed, call.room.suspended) == (None, reason)


def changes_nothing(call, fact):
    before = call.room
    assert call.hear(fact) == []
    assert replace(call.room, around=before.around, changed_at=before.changed_at) == before
