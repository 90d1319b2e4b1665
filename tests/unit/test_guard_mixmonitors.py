"""MixMonitors as the guard sees them come and go: which it stops, which it leaves, and when it does not even ask."""

import asyncio
from pathlib import Path

import pytest
from unit.guard_world import CHANNEL, MINE, THEIRS, Ami, Pbx, World

from ari_app import clock
from ari_app.core import guard as g
from ari_app.guard import warden
from ari_app.guard.asterisk import Seen
from ari_app.guard.mixmonitors import MixMonitors


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def doors(world: World, pbx: Pbx, **options: object) -> MixMonitors:
    judge = world.warden(pbx, **options)  # type: ignore[arg-type]  # the names are the warden's
    return MixMonitors(pbx, judge)  # type: ignore[arg-type]  # of both doors a test needs a few words


def test_the_gate_s_own_is_not_even_asked_after(world: World) -> None:
    world.name()
    pbx = Pbx(Ami([None]))
    found = doors(world, pbx)

    async def scenario() -> None:
        await found.began(CHANNEL, clock.now())
        await found.tick()

    asyncio.run(scenario())
    assert pbx.ami.stopped == []
    assert world.told() == []


def test_a_stranger_s_is_stopped_by_its_id(world: World) -> None:
    pbx = Pbx(Ami([{THEIRS: (world.theirs(),)}]))
    asyncio.run(doors(world, pbx).began(CHANNEL, clock.now()))
    assert pbx.ami.stopped == [THEIRS]
    assert world.told() == [("stopped", "not_named_in_live", 1)]
    assert not (world.monitor / "theirs.wav").exists()


def test_the_second_on_a_channel_is_found_beside_ours(world: World) -> None:
    ours, theirs = world.name(), world.theirs()
    pbx = Pbx(Ami([{MINE: (ours,), THEIRS: (theirs,)}]))
    found = doors(world, pbx)

    async def scenario() -> None:
        await found.began(CHANNEL, clock.now())
        assert pbx.ami.stopped == []
        await found.began(CHANNEL, clock.now())

    asyncio.run(scenario())
    assert pbx.ami.stopped == [THEIRS]


def test_a_guard_that_has_just_started_takes_no_stranger_for_ours(world: World) -> None:
    ours, theirs = world.name(), world.theirs()
    pbx = Pbx(Ami([{MINE: (ours,)}, {MINE: (ours,), THEIRS: (theirs,)}]))
    found = doors(world, pbx)

    async def scenario() -> None:
        await found.look(CHANNEL, None)
        await found.began(CHANNEL, clock.now())

    asyncio.run(scenario())
    assert pbx.ami.stopped == [THEIRS]


def test_a_stranger_that_takes_the_place_of_ours_is_found(world: World) -> None:
    """The gate named its capture, Asterisk refused it, and in that moment somebody else's began."""
    world.name(begun=False)
    pbx = Pbx(Ami([{THEIRS: (world.theirs(),)}]))
    found = doors(world, pbx)

    async def scenario() -> None:
        await found.began(CHANNEL, clock.now())
        assert pbx.ami.stopped == []
        await found.tick()

    asyncio.run(scenario())
    assert pbx.ami.stopped == [THEIRS]


def test_asterisk_lists_it_a_moment_after_it_said_so(world: World) -> None:
    pbx = Pbx(Ami([{}, {}, {THEIRS: ()}, {THEIRS: (world.theirs(),)}]))
    asyncio.run(doors(world, pbx).began(CHANNEL, clock.now()))
    assert pbx.ami.stopped == [THEIRS]
    assert world.told() == [("stopped", "not_named_in_live", 1)]


def test_one_without_a_file_may_be_the_one_that_is_named(world: World) -> None:
    """Stopping it would cost a recording; it takes nothing as long as it has no file."""
    world.name(begun=False)
    pbx = Pbx(Ami([{MINE: ()}]))
    asyncio.run(doors(world, pbx).look(CHANNEL, None))
    assert pbx.ami.stopped == []
    assert world.told() == []


def test_one_without_a_file_where_nothing_is_named_is_stopped(world: World) -> None:
    pbx = Pbx(Ami([{THEIRS: ()}]))
    asyncio.run(doors(world, pbx).look(CHANNEL, None))
    assert pbx.ami.stopped == [THEIRS]


def test_what_the_gate_names_while_we_look_is_its_own(world: World) -> None:
    """It wrote live/ and began between our first look and Asterisk's list."""
    ours = world.name()
    pbx = Pbx(Ami([{MINE: (ours,)}]))
    found = doors(world, pbx)
    live = world.layout.live_of(CHANNEL)
    text = live.read_bytes()
    live.unlink()
    answer = pbx.ami.captures

    async def late(channel: str) -> object:
        live.write_bytes(text)
        return await answer(channel)

    pbx.ami.captures = late  # type: ignore[method-assign,assignment]  # something happens in between
    asyncio.run(found.look(CHANNEL, None))
    assert pbx.ami.stopped == []


@pytest.mark.parametrize("answers", [[None], [{}]])
def test_no_answer_and_nothing_running_are_no_alarm(world: World, answers: list[None]) -> None:
    pbx = Pbx(Ami(list(answers)))
    asyncio.run(doors(world, pbx).began(CHANNEL, clock.now()))
    assert world.told() == []


def test_captures_of_a_silent_gate_are_stopped_once_and_their_files_stay(world: World) -> None:
    ours = world.name()
    pbx = Pbx(Ami([{MINE: (ours,)}]))
    found = doors(world, pbx, mode=g.Mode.REPORT, scope=g.Scope.GATED_CALLS)

    async def scenario() -> None:
        await found.began(CHANNEL, clock.now())
        await found.tick()
        assert pbx.ami.stopped == []
        world.beat(2000)
        found._vitals.refresh()
        await found.tick()
        await found.tick()

    asyncio.run(scenario())
    assert pbx.ami.stopped == [MINE]
    assert world.told() == [("stopped", "stale_heartbeat", 0)]
    assert Path(f"{ours}.wav").exists()


def test_an_answer_that_does_not_come_is_settled_by_looking(world: World) -> None:
    """Whether it was stopped is told by the list; a stop that came to nothing is tried again."""
    pbx = Pbx(Ami([{THEIRS: (world.theirs(),)}], deaf=2))
    asyncio.run(doors(world, pbx).look(CHANNEL, None))
    assert pbx.ami.stopped == [THEIRS]
    assert world.told() == [("stopped", "not_named_in_live", 1)]


def test_one_that_cannot_be_stopped_writes_into_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warden, "STOP_PAUSE_SECONDS", 0.0)
    pbx = Pbx(Ami([{THEIRS: (world.theirs(),)}], deaf=100))
    asyncio.run(doors(world, pbx).look(CHANNEL, None))
    assert world.told() == [("stopped", "not_named_in_live", 1)]
    assert list(world.monitor.iterdir()) == []


def test_one_that_cannot_be_stopped_nor_taken_is_an_alarm_and_insisted_upon(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folder is not one that the guard may touch, and Asterisk does not answer for a while."""
    monkeypatch.setattr(warden, "STOP_PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(warden, "INSIST_SECONDS", 0.0)
    (tmp_path / "elsewhere.wav").write_bytes(b"secret")
    pbx = Pbx(Ami([{THEIRS: (str(tmp_path / "elsewhere"),)}], deaf=8))
    asyncio.run(doors(world, pbx).look(CHANNEL, None))
    assert world.told() == [("failed", "not_named_in_live", 0), ("stopped", "not_named_in_live", 0)]
    assert (tmp_path / "elsewhere.wav").exists()


def test_a_queue_is_named_as_the_door(world: World) -> None:
    pbx = Pbx(Ami([{THEIRS: (world.theirs(),)}]), Seen("1.1", "", "Queue", "doctors"))
    asyncio.run(doors(world, pbx).look(CHANNEL, None))
    assert [one["door"] for one in world.incidents()] == ["queue"]


def test_a_report_is_told_once(world: World) -> None:
    pbx = Pbx(Ami([{THEIRS: (world.theirs(),)}]))
    found = doors(world, pbx, mode=g.Mode.REPORT)

    async def scenario() -> None:
        for _ in range(3):
            await found.look(CHANNEL, None)

    asyncio.run(scenario())
    assert pbx.ami.stopped == []
    assert world.told() == [("reported", "not_named_in_live", 0)]


def test_a_call_that_is_joined_to_a_gated_one_is_looked_at_again(world: World) -> None:
    """Another department's recording goes on until its call becomes the gate's, by whatever transfer."""
    pbx = Pbx(Ami([{THEIRS: (world.theirs(),)}]), Seen("9.9", "", "Dial", ""))
    found = doors(world, pbx, scope=g.Scope.GATED_CALLS)

    async def scenario() -> None:
        await found.look(CHANNEL, None)
        await found._warden.tick()
        assert pbx.ami.stopped == []
        pbx.what = Seen("1.0", "", "Dial", "")
        found._warden.calls.note("1.0")
        await found._warden.tick()

    asyncio.run(scenario())
    assert pbx.ami.stopped == [THEIRS]


@pytest.mark.parametrize(
    ("seen", "gated"),
    [
        (Seen("1.1", "recording", "Dial", ""), True),
        (Seen("1.1", "not_recorded", "Dial", ""), True),
        (Seen("1.1", "", "Stasis", "consentgate,incoming,line"), True),
        (Seen("1.1", "", "Stasis", "another"), False),
        (Seen("1.1", "", "Dial", "PJSIP/2001"), False),
        (None, True),
    ],
)
def test_which_calls_are_the_gate_s(world: World, seen: Seen | None, gated: bool) -> None:
    pbx = Pbx(Ami([{}]), seen)
    assert asyncio.run(world.warden(pbx).calls.gated(CHANNEL)) is gated


def test_a_channel_that_is_named_makes_its_call_the_gate_s(world: World) -> None:
    world.name()
    pbx = Pbx(Ami([{}]), Seen("1.1", "", "Dial", ""))
    assert asyncio.run(world.warden(pbx).calls.gated(CHANNEL))
