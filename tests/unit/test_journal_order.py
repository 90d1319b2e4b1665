"""Which of the waiting jobs go ahead: a caller waits for an attestation, nobody for the rest."""

from unit.calls import CALLER, P01, RECORDING, ms

from ari_app.adapters.journal import Append, Beat, Forget, SealCall, attestations_first
from ari_app.core import evidence as ev
from ari_app.core.names import ChannelId, RecordingId, mint
from ari_app.core.orders import Live
from ari_app.core.reasons import Reason

OTHER = RecordingId(mint(ms(1), b"\1" * 10))
FILE = "seg-001.p01.wav"
FORGET = Forget(CALLER, RECORDING, FILE)
BEAT = Beat(ms(1), ms(2), "boot")


def nobody(ok, why):
    raise AssertionError((ok, why))


def note(recording, at=0):
    return Append(recording, (ev.NotRecorded(at=ms(at), reason=Reason.EVENTS_LOST),))


def attestation(recording, channel=CALLER):
    return Append(recording, (), Live(channel, P01, 1, FILE), nobody)


def divided(*jobs):
    first, rest = attestations_first(jobs)
    return first, list(rest)


def test_without_an_attestation_nothing_moves():
    jobs = [note(RECORDING), BEAT, FORGET, SealCall(OTHER, nobody)]
    assert divided(*jobs) == ([], jobs)


def test_an_attestation_goes_ahead_of_other_calls_heartbeats_and_seals():
    wanted, bulk = (
        attestation(RECORDING),
        [note(OTHER), BEAT, SealCall(OTHER, nobody), Forget(ChannelId("2.2"), OTHER, FILE)],
    )
    assert divided(*bulk, wanted) == ([wanted], bulk)


def test_it_stays_behind_what_was_said_of_its_own_call_and_channel():
    before = [note(RECORDING, 1), FORGET, note(RECORDING, 2)]
    wanted = attestation(RECORDING)
    assert divided(before[0], BEAT, before[1], note(OTHER), before[2], wanted) == (
        [*before, wanted],
        [BEAT, note(OTHER)],
    )


def test_what_comes_after_it_stays_after_it():
    wanted, after = attestation(RECORDING), [note(RECORDING), FORGET, BEAT, SealCall(RECORDING, nobody)]
    assert divided(wanted, *after) == ([wanted], after)


def test_two_attestations_keep_their_order():
    one, two = attestation(RECORDING), attestation(OTHER, ChannelId("2.2"))
    assert divided(note(OTHER), one, BEAT, two) == ([note(OTHER), one, two], [BEAT])


def test_it_stays_behind_what_another_call_says_of_its_channel():
    before, wanted = Forget(CALLER, OTHER, FILE), attestation(RECORDING)
    assert divided(BEAT, before, wanted) == ([before, wanted], [BEAT])
