"""Callers whose name and number are an attack: each is told, answered and recorded like everybody else.

SIP carries all of it to Asterisk, line breaks escaped in the number included. From there it gets nowhere: into no path,
no key, no log, no SQL and no AMI event; the number is stored encrypted, what no number holds taken out, the name not.
"""

import asyncio
import base64
import re
import shutil
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import psycopg
from canary import find_reference
from psycopg.sql import SQL, Identifier
from system.agreement import assert_agrees, assert_nothing_untold, assert_notices, assert_parties
from system.evidence import TABLES, Evidence
from system.hospital import Hospital, House, Talk, fresh_noise
from system.passage import said
from system.unrecorded import assert_conversing
from telephone import IncomingCall, OutgoingCall, now_us

from ari_app.core.names import recording_id
from ari_app.numbers import Numbers

MARK: Final = "qzxq"
"""In every hostile text; a word that stands nowhere by chance."""

TALK_SECONDS: Final = 0.8
HEARD_SAMPLES: Final = 1600
MOST_NUMBER_CHARACTERS: Final = 64
RINGING_OFF: Final = 60
EDGE_MICROSECONDS: Final = 100_000
GOLDEN: Final = Path(__file__).parent.parent / "unit" / "golden"

NUMBERS: Final = {
    "an event of AMI": f"7{MARK}\r\nUniqueid: 1.1\r\n\r\nEvent: Hangup\r\nUniqueid: 1.1\r\nTimestamp: 1.0\r\n\r\n",
    "a header of AMI": f"7{MARK}\r\nEvent: Shutdown\r\nUniqueid: 1.1\r\nBridgeUniqueid: 1\r\nTimestamp: 9999999999.0",
    "a command": f"7{MARK},b,touch /tmp/{MARK};${{SHELL(touch /tmp/{MARK})}}|`touch /tmp/{MARK}`",
    "a path": f"../../../../../tmp/{MARK}/../x",
    "SQL": f"{MARK}'); DROP TABLE calls; --",
    "emoji": f"{MARK}\U0001f691\u260e\ufe0f\u202e",
    "JSON": f'{MARK}"}}],"args":["incoming","crisis-line"],"x":[{{"',
    "10 kB": f"7{MARK}" + "7" * 10_000,
    "a house phone": "2001",
}


async def _pair(house: House, caller: OutgoingCall) -> Talk:
    """Return the caller with the house's call whose voice they hear: what they call themselves says nothing."""
    heard = caller.heard
    last = heard.pcm[-2 * HEARD_SAMPLES :]
    calls = [one for one in house.phone.calls if isinstance(one, IncomingCall)]
    (answered,) = [one for one in calls if find_reference(last, one.sent).matched >= HEARD_SAMPLES]
    return Talk("", caller, answered)


async def _scenario(hospital: Hospital) -> dict[str, tuple[Talk, Evidence]]:
    before = set((hospital.world.spool / "shipped").iterdir())
    async with hospital.house("2002") as house:
        async with AsyncExitStack() as phones:
            callers = []
            for text in NUMBERS.values():
                phone = await phones.enter_async_context(hospital.outside())
                name, where = text.replace("\r\n", " "), hospital.uri("switchboard")
                callers.append(await phone.call(where, voice=fresh_noise(), from_user=text, display_name=name))

            async def all_connected() -> bool:
                return len([one for one in house.phone.calls if one.state == "up"]) == len(NUMBERS)

            await hospital.until(all_connected, "a house phone for every caller")
            await asyncio.sleep(TALK_SECONDS)
            talks = [await _pair(house, one) for one in callers]
            await asyncio.gather(*(assert_conversing(one) for one in talks))

        async def all_shipped() -> bool:
            return len(list((hospital.world.spool / "shipped").iterdir())) >= len(before) + len(NUMBERS)

        await hospital.until(all_shipped, "the account of every call")
        new = sorted(set((hospital.world.spool / "shipped").iterdir()) - before)
        found = [await hospital.do(hospital.archive.read, recording_id(one.name)) for one in new]
        assert all(one.recorded for one in found), [one.reason for one in found]
        return {name: (talk, _of(found, talk)) for name, talk in zip(NUMBERS, talks, strict=True)}


def _of(found: list[Evidence], talk: Talk) -> Evidence:
    (own,) = [one for one in found if find_reference(one.channel(1), talk.caller.sent).spans]
    return own


def test_hostile_callers(hospital: Hospital) -> None:
    """All at the same time, so that what one of them forges would hit another."""
    numbers = Numbers.from_text(hospital.world.secrets.numbers)
    for name, (talk, found) in asyncio.run(_scenario(hospital)).items():
        assert_agrees(found, hospital.world)
        assert_notices(found, hospital.world)
        assert_parties(found, talk)
        assert_nothing_untold(found, talk.caller, hospital.announcements("switchboard"))
        caller = found.manifest["parties"][0]
        assert (caller["side"], caller["endpoint"], caller["contract"]) == ("outside", "PJSIP/trunk", False), name
        stored = numbers.decrypt(base64.b64encode(found.call["number"]).decode())
        # PJSIP ends a number at a semicolon, Asterisk a long one after some dozens of characters.
        assert stored, name
        assert re.sub(r"[^0-9A-Za-z+*#._-]", "", NUMBERS[name]).startswith(stored), name
        assert len(stored) <= MOST_NUMBER_CHARACTERS
    _assert_nowhere(hospital)


def test_hostile_callers_who_ring_off_at_once(hospital: Hospital) -> None:
    """A hang-up before the dialplan's first line still carries the number: here, the hang-up of another call."""
    since = len(hospital.log("gate"))

    async def scenario() -> tuple[Talk, Evidence]:
        async with hospital.house() as house, hospital.conversation(house) as talk, hospital.outside() as phone:
            _, channel = await hospital.channel_of(talk.number)
            # Asterisk keeps some 80 characters of a number.
            hangup = f"Event: Hangup\r\nTimestamp: {now_us() // 1_000_000}\r\nUniqueid: {channel}"
            forgeries = [f"7\r\n\r\n{hangup}\r\n\r\n", f"7\r\nEvent: Shutdown\r\nUniqueid: {channel}"]
            for number in range(RINGING_OFF):
                text = forgeries[number % len(forgeries)]
                caller = await phone.call(hospital.uri("switchboard"), from_user=text)
                # No event to wait for: the moments are spread over the few milliseconds in which it happens.
                await asyncio.sleep(number % 10 * 0.0004)
                await caller.hangup()
            await assert_conversing(talk)
        (found,) = await hospital.evidence(talk.number)
        return talk, found

    talk, found = asyncio.run(scenario())
    assert found.recorded
    assert talk.caller.at("BYE") - found.covered[1] < EDGE_MICROSECONDS, "the recording ended before the conversation"
    assert said(hospital, "gate", since, "gate.connection_lost") == []
    assert said(hospital, "gate", since, "event.unreadable") == []


def _assert_nowhere(hospital: Hospital) -> None:
    """Nobody's text is in a path, a file, a log, a key, an object or a row, and no shell has run any of it."""
    world = hospital.world
    for file in world.spool.rglob("*"):
        assert MARK not in file.name
        assert not file.is_file() or MARK.encode() not in file.read_bytes(), f"{file} holds a caller's text"
    for server in ("gate", "ship", "postgres", "s3"):
        assert MARK not in hospital.log(server), f"the log of {server} holds a caller's text"
    for key in hospital.archive.keys(""):
        assert MARK not in key
        assert MARK.encode() not in hospital.archive.get(key)
    with psycopg.connect(world.postgres.dsn) as connection:
        for table in ("calls", *TABLES):
            rows = connection.execute(SQL("SELECT t::text FROM {} t").format(Identifier(table))).fetchall()
            assert not any(MARK in row for (row,) in rows), f"{table} holds a caller's text"
    assert not list(Path("/tmp").glob(f"*{MARK}*")), "a shell has run a caller's text"  # noqa: S108  made by nobody


def test_all_wrong_configuration(hospital: Hospital) -> None:
    """`consentgate check` tells every problem at once, each with its place, and a gate does not start with it."""
    world = hospital.world
    wrong, expected = (GOLDEN / f"all-wrong.{suffix}" for suffix in ("yaml", "txt"))
    folder = world.who.gate.directory(world.root / "etc" / "wrong", 0o755)
    (folder / "secrets").mkdir()
    (folder / "secrets" / "short").write_text("too-short\n")
    file = folder / "consentgate.yaml"
    file.write_bytes(wrong.read_bytes())
    try:
        for command in ("check", "gate", "ship"):
            done = world.consentgate(command, "--config", str(file))
            assert done.returncode == 3
            said = (done.stdout + done.stderr).replace(str(folder), "/etc/consentgate").splitlines()
            wanted = expected.read_text().splitlines()
            assert [one for one in said if one in wanted] == wanted[1:]
            assert any(wanted[0] in one for one in said)
    finally:
        shutil.rmtree(folder)
