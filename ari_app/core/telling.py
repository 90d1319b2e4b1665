"""One party being told: from arrival to "completely played", or to the reason why not.

ALL transitions of this machine are in `step`. Any doubt ends in `failure`; there is no way from it to `TOLD`.
"Completely played" is DESIGN §4: up before we began, one file per playback, began and ended seen for our own
playback, state done, still alone in our Stasis, elapsed time that of the file, every packet of it sent, and
the file still the one that was hashed. Each clause is one guard below, because each has been seen to fail alone.
What somebody chooses meanwhile by a key is `choice`.
"""

from dataclasses import replace

from . import choice
from . import facts as f
from . import orders as o
from . import party as parties
from .evidence import Entry, NoticeFailed, NoticePlayed
from .facts import Standing
from .names import Instant, playback_id
from .party import BEGIN_DEADLINE_MICROSECONDS, END_DEADLINE_MICROSECONDS, LIFELINE_AFTER_FILE_MS, Party, Phase, Step
from .reasons import Reason

ANSWER_DEADLINE_MICROSECONDS = 1_500_000
"""Before the 2 s lifeline of the dialplan, and after the shell's own deadline: it is for an answer that got lost."""

LIFELINE_AFTER_SPEECH_MS = 2_000


def step(party: Party, fact: f.Fact) -> Step:
    """Return the party after fact, the orders, and the entries for the journal."""
    if getattr(fact, "channel", party.channel) != party.channel:
        # Whatever happened there, it neither proves nor disproves that this party has heard anything.
        return party, [o.Report(f"{type(fact).__name__} on another channel")], []
    return choice.step(party, fact, _tell)


def _tell(party: Party, fact: f.Fact) -> Step:

    def fail(reason: Reason) -> Step:
        stop: list[o.Order] = []
        if party.phase in {Phase.ASKED, Phase.PLAYING}:
            stop = [o.StopPlayback(party.playback)]
        entries: list[Entry] = []
        if party.phase in {Phase.MEASURING, Phase.ASKED, Phase.PLAYING, Phase.COUNTING}:
            entries = [NoticeFailed(at=fact.at, party=party.party, announcement=party.script[0].name, reason=reason)]
        return replace(party, phase=Phase.OVER, failure=reason), stop, entries

    def play(after: Party, packets_before: int) -> tuple[Party, list[o.Order]]:
        after = replace(after, phase=Phase.ASKED, packets_before=packets_before)
        deadline = Instant(fact.seen_at + BEGIN_DEADLINE_MICROSECONDS)
        return after, [
            o.Play(after.channel, after.playback, after.script[0]),
            o.WakeAt(deadline, f.Timer.ANNOUNCEMENT, after.notice),
        ]

    match party.phase, fact:
        case _, f.HangupRequested() | f.HungUp():
            return fail(Reason.HUNG_UP_BEFORE_TOLD)
        case _, f.LeftStasis():
            return fail(Reason.LEFT_BEFORE_TOLD)
        case _, f.EventsLost(reason=reason):
            return fail(reason)
        case _, f.Surrounded(joined_at=int()):
            return fail(Reason.BRIDGED_DURING_ANNOUNCEMENT)
        case _, f.Surrounded(quiet=Reason()):
            return fail(Reason.HELD_DURING_ANNOUNCEMENT)
        case _, f.Surrounded():
            return party, [], []
        case _, f.Stopped():
            return fail(Reason.STOPPED_BY_STAFF)
        case _, f.Replaced():
            return fail(Reason.CHANNEL_REPLACED)
        case _, f.Objected() | f.Inspected(objected=True):
            return fail(Reason.OBJECTED)

        case Phase.ARRIVED, f.Entered(adopted=adopted):
            # The dead gate's playback may still run: its end must not be taken for ours, nor ours wait behind it.
            leftover: list[o.Order] = []
            if adopted:
                # Ours as well: the dead gate may itself have adopted the channel, and then it used the same numbers.
                last = party.notice + len(party.script)
                leftover = [o.StopPlayback(playback_id(party.channel, number)) for number in range(1, last)]
            deadline = Instant(fact.seen_at + ANSWER_DEADLINE_MICROSECONDS)
            return (
                replace(party, phase=Phase.ANSWERING),
                [*leftover, o.Answer(party.channel), o.WakeAt(deadline, f.Timer.ANSWER, party.notice)],
                [],
            )
        case Phase.ANSWERING, f.Answered(ok=True):
            return parties.inspect(party, fact, Phase.MEASURING, party.ended_at)
        case Phase.ANSWERING, f.Answered() | f.Woke(timer=f.Timer.ANSWER):
            return fail(Reason.ANSWER_FAILED)

        case ((Phase.MEASURING | Phase.COUNTING), f.Inspected(question=party.question, in_stasis=False)):
            return fail(Reason.LEFT_BEFORE_TOLD)
        case ((Phase.MEASURING | Phase.COUNTING), f.Inspected(question=party.question, copy_intact=False)):
            return fail(Reason.ANNOUNCEMENT_COPY_CHANGED)
        case ((Phase.MEASURING | Phase.COUNTING), f.Inspected(question=party.question, packets_sent=None)):
            return fail(Reason.ANNOUNCEMENT_PACKETS_UNPROVABLE)
        case ((Phase.MEASURING | Phase.COUNTING), f.Woke(timer=f.Timer.INSPECTION, token=party.question)):
            return fail(Reason.ANNOUNCE_TIMEOUT)
        case Phase.MEASURING, f.Inspected(question=party.question, packets_sent=int(sent)):
            return *play(party, sent), []

        case Phase.ASKED, f.PlayRefused(playback=party.playback):
            return fail(Reason.ANNOUNCEMENT_REFUSED)
        case Phase.ASKED, f.PlaybackBegan(playback=party.playback, at=at):
            # Armed now and not with the order to play: a gate that dies between the two would else leave
            # the caller in silence for the length of the announcement.
            sound = party.script[0]
            lifeline_ms = max(
                sound.spoken_end_ms + LIFELINE_AFTER_SPEECH_MS, sound.duration_ms + LIFELINE_AFTER_FILE_MS
            )
            deadline = Instant(fact.seen_at + sound.duration_ms * 1000 + END_DEADLINE_MICROSECONDS)
            return (
                replace(party, phase=Phase.PLAYING, began_at=at),
                [
                    o.ArmLifeline(party.channel, lifeline_ms),
                    o.WakeAt(deadline, f.Timer.ANNOUNCEMENT, -party.notice),
                ],
                [],
            )
        # The timer of the order carries the notice's number, the timer of the end its negative: a late
        # "has it begun?" says nothing about a play that is under way.
        case Phase.ASKED, f.Woke(timer=f.Timer.ANNOUNCEMENT, token=party.notice):
            return fail(Reason.ANNOUNCE_TIMEOUT)
        case Phase.PLAYING, f.Woke(timer=f.Timer.ANNOUNCEMENT, token=token) if token == -party.notice:
            return fail(Reason.ANNOUNCE_TIMEOUT)

        case ((Phase.ASKED | Phase.PLAYING), f.PlaybackEnded(playback=party.playback, done=False)):
            return fail(Reason.ANNOUNCEMENT_FAILED)
        case Phase.PLAYING, f.PlaybackEnded(playback=party.playback, at=at):
            doubt = parties.doubt_of_length(party.script[0], party.began_at, at)
            if doubt:
                return fail(doubt)
            return parties.inspect(party, fact, Phase.COUNTING, at)
        case Phase.ASKED, f.PlaybackEnded(playback=party.playback):
            # An end without a beginning: nobody saw it start, so nobody can say how long it was.
            return fail(Reason.ANNOUNCEMENT_FAILED)

        case Phase.COUNTING, f.Inspected(question=party.question, packets_sent=int(sent)):
            count = sent - party.packets_before
            heard = parties.proof(party.script[0], party.party, party.playback, party.began_at, party.ended_at, count)
            if not isinstance(heard, NoticePlayed):
                return fail(heard)
            all_heard = (*party.heard, heard)
            if party.script[1:]:
                rest = replace(party, script=party.script[1:], notice=party.notice + 1, heard=all_heard)
                after, orders = play(rest, sent)
                return after, orders, [heard]
            told = replace(party, heard=all_heard)
            if not party.asking.needs_consent:
                return replace(told, phase=Phase.OVER, standing=Standing.TOLD, told_at=party.ended_at), [], [heard]
            after, orders, said = choice.question(told, fact)
            return after, orders, [heard, *said]
        case _:
            return party, [o.Report(f"{type(fact).__name__} in phase {party.phase.value}")], []
