"""The gate's whisper among the channels that hear others: left alone while it is what it says it is, and no longer."""

import asyncio
from pathlib import Path

import pytest
from unit.guard_world import CHANNEL, Ami, Pbx, World

from ari_app import clock
from ari_app.core import guard as g
from ari_app.core.incident import Door
from ari_app.core.names import ChannelId, Instant, whisper_id
from ari_app.guard import taps
from ari_app.guard.asterisk import Seen
from ari_app.guard.taps import Taps

WHISPERER = whisper_id(CHANNEL)
NAME = f"Snoop/{CHANNEL}-00000001"
OURS = Seen("1.1", "", "Stasis", "consentgate,whisper")
THEIRS = Seen("1.1", "", "Stasis", "somebody")
ENDED = [("stopped", "not_allowed", 0)]


class Desk:
    """Taps on a pretended Asterisk, where a channel that is hung up is gone."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = clock.now()
        self.world = World(folder)
        monkeypatch.setattr(clock, "now", lambda: self.now)
        monkeypatch.setattr(taps, "ENTERING_SECONDS", (0.0, 0.0, 0.0))
        self.hung_up: list[str] = []
        self.pbx = Pbx(Ami([{}]), OURS)
        self.pbx.ami.hang_up = self._hang_up  # type: ignore[attr-defined]  # no other test's Asterisk hangs up
        self.warden = self.world.warden(self.pbx)
        self.warden.vitals.signs.watched_since = Instant(0)
        self.taps = Taps(self.pbx, self.warden)  # type: ignore[arg-type]  # of both doors a test needs a few words

    async def _hang_up(self, channel: str) -> bool:
        self.hung_up.append(channel)
        self.pbx.what = None
        return True

    def appears(self, channel: ChannelId = WHISPERER, *, after_seconds: float = 0.0) -> None:
        """A snoop channel is made; and then, after a while, the guard looks again at what it has let be."""
        self.now = Instant(self.now + round(after_seconds * 1_000_000))
        asyncio.run(self.taps.appeared(NAME, channel, "1.1", self.now))

    def looks_again(self, *, after_seconds: float) -> None:
        self.now = Instant(self.now + round(after_seconds * 1_000_000))
        self.world.beat(100)
        self.warden.vitals.refresh()
        asyncio.run(self.warden.tick())


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(tmp_path, monkeypatch)


def test_the_gate_speaks_to_one_who_waits(desk: Desk) -> None:
    desk.appears()
    desk.looks_again(after_seconds=1)
    assert (desk.hung_up, desk.world.told()) == ([], [])
    # It is over, and nothing is kept of it.
    desk.pbx.what = None
    desk.looks_again(after_seconds=1)
    desk.looks_again(after_seconds=1)
    assert (desk.hung_up, desk.world.told(), desk.warden.elsewhere, desk.taps._whispers) == ([], [], {}, {})


def test_but_not_for_ever(desk: Desk) -> None:
    desk.appears()
    desk.looks_again(after_seconds=20)
    assert desk.hung_up == []
    desk.looks_again(after_seconds=1)
    assert (desk.hung_up, desk.world.told()) == ([WHISPERER], ENDED)


def test_the_next_of_its_name_is_as_young_as_it_is(desk: Desk) -> None:
    desk.appears()
    desk.looks_again(after_seconds=15)
    desk.world.beat(100)
    desk.warden.vitals.refresh()
    desk.appears(after_seconds=1)
    desk.looks_again(after_seconds=15)
    assert desk.hung_up == []


def test_nobody_speaks_in_a_dead_gates_name(desk: Desk) -> None:
    desk.appears(after_seconds=2)
    assert (desk.hung_up, desk.world.told()) == ([WHISPERER], ENDED)


@pytest.mark.parametrize(("channel", "what"), [(WHISPERER, THEIRS), (ChannelId("1.9"), OURS)])
def test_a_snoop_of_another_application_or_name_is_a_door(desk: Desk, channel: ChannelId, what: Seen) -> None:
    desk.pbx.what = what
    desk.appears(channel)
    assert (desk.hung_up, desk.world.told()) == ([channel], ENDED)


@pytest.mark.parametrize(
    ("capture", "channel", "spied", "age_seconds", "mine"),
    [
        (g.Capture(Door.SNOOP, (), "consentgate"), WHISPERER, CHANNEL, 0, True),
        (g.Capture(Door.SNOOP, (), "consentgate"), WHISPERER, CHANNEL, 20, True),
        (g.Capture(Door.SNOOP, (), "consentgate"), WHISPERER, CHANNEL, 20.1, False),
        (g.Capture(Door.SNOOP, (), "consentgate-guard"), WHISPERER, CHANNEL, 0, False),
        (g.Capture(Door.SNOOP, (), ""), WHISPERER, CHANNEL, 0, False),
        (g.Capture(Door.CHANSPY, (), "consentgate"), WHISPERER, CHANNEL, 0, False),
        (g.Capture(Door.SNOOP, (), "consentgate"), WHISPERER, ChannelId("1.2"), 0, False),
        (g.Capture(Door.SNOOP, (), "consentgate"), WHISPERER, None, 0, False),
        (g.Capture(Door.SNOOP, (), "consentgate"), ChannelId("1.3"), CHANNEL, 0, False),
    ],
)
def test_the_gate_may_speak_to_one_who_waits_for_a_while(
    capture: g.Capture, channel: ChannelId, spied: ChannelId | None, age_seconds: float, mine: bool
) -> None:
    assert g.whispers(capture, channel, spied, round(age_seconds * 1_000_000)) is mine
