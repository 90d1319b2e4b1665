"""A word to somebody who waits: how it is said, that it ends by itself, and that nothing waits for it."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from unit.asking import DECLINED
from unit.calls import CALLER, MONITOR, P01
from unit.executors_desk import FILE, Desk

from ari_app import whisper
from ari_app.adapters.ari import Reply
from ari_app.core import orders as o
from ari_app.core.names import playback_id, whisper_id

WHISPERER = whisper_id(CALLER)
PLAYBACK = playback_id(WHISPERER, 1)
MAKES, ENDS = ("whisper", CALLER, WHISPERER), ("hang_up", WHISPERER)
SAYS = ("play", WHISPERER, PLAYBACK, DECLINED.path)


def lifeline(seconds):
    return "set", WHISPERER, "TIMEOUT(absolute)", seconds


@dataclass
class Asterisk:
    """ARI and AMI in one. `replies` to plays, one after the other, the last of them for ever; `slept`: how long."""

    makes: Reply = Reply.YES
    replies: list[Reply] = field(default_factory=lambda: [Reply.YES])
    sent: list[tuple[Any, ...]] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    async def whisper(self, channel, whisperer):
        self.sent.append(("whisper", channel, whisperer))
        return self.makes

    async def play(self, channel, playback, path):
        return self._plays("play", channel, playback, path)

    async def play_tones(self, channel, playback, tones):
        return self._plays("tones", channel, playback, tones)

    def _plays(self, *what):
        self.sent.append(what)
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    async def hang_up(self, channel):
        self.sent.append(("hang_up", channel))
        return Reply.YES

    async def set(self, channel, name, value):
        self.sent.append(("set", channel, name, value))
        return True


@pytest.fixture
def said(monkeypatch):
    """Say it on an Asterisk, in no time."""

    def say(asterisk, words=DECLINED):
        async def sleep(seconds):
            asterisk.slept.append(seconds)

        monkeypatch.setattr(asyncio, "sleep", sleep)
        return asyncio.run(whisper.whisper(asterisk, asterisk, CALLER, words))

    return say


def test_the_words_are_said_to_their_end_and_the_channel_ends_by_itself_should_we_die(said):
    asterisk = Asterisk()
    assert said(asterisk)
    assert asterisk.sent == [MAKES, lifeline("4.000"), SAYS, ENDS]
    assert asterisk.slept == [1.1]


def test_without_words_there_are_the_tones_of_the_key(said):
    asterisk = Asterisk()
    assert said(asterisk, None)
    tones = ("tones", WHISPERER, PLAYBACK, "!800/120|!0/40|!500/160|!0/2000")
    assert asterisk.sent == [MAKES, lifeline("3.400"), tones, ENDS]


def test_until_the_channel_is_in_our_application_it_cannot_speak(said):
    asterisk = Asterisk(replies=[Reply.NO, Reply.NO, Reply.YES])
    assert said(asterisk)
    assert asterisk.sent == [MAKES, lifeline("4.000"), SAYS, SAYS, SAYS, ENDS]


@pytest.mark.parametrize(("reply", "times"), [(Reply.NO, 50), (Reply.UNKNOWN, 1)])
def test_what_is_not_said_is_told_to_somebody_and_ends(said, capsys, reply, times):
    asterisk = Asterisk(replies=[reply])
    assert not said(asterisk)
    assert asterisk.sent == [MAKES, lifeline("4.000"), *[SAYS] * times, ENDS]
    assert "objection.not_confirmed" in capsys.readouterr().out


def test_who_is_gone_or_being_spoken_to_is_left_alone(said):
    asterisk = Asterisk(makes=Reply.NO)
    assert not said(asterisk)
    assert asterisk.sent == [MAKES]


def test_no_answer_is_not_a_no_and_what_may_be_there_is_ended(said):
    asterisk = Asterisk(makes=Reply.UNKNOWN, replies=[Reply.UNKNOWN])
    assert not said(asterisk)
    assert asterisk.sent[-1] == ENDS


def test_the_stop_of_the_capture_does_not_wait_for_the_words(tmp_path, monkeypatch):
    desk = Desk(tmp_path, monkeypatch)
    desk.ami.running = {MONITOR: [desk.shown]}
    begun = []

    async def never(*what):
        begun.append(what)
        await asyncio.sleep(0.2)

    monkeypatch.setattr("ari_app.executor.whisper", never)
    facts = desk.carry_out(o.Confirm(CALLER, DECLINED), o.StopCapture(CALLER, 1, P01, FILE, MONITOR))
    assert [what[2:] for what in begun] == [(CALLER, DECLINED)]
    assert len(facts) == 1
