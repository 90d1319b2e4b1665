"""A keeper without an Asterisk: what it hears is said by the test, the spool and its heart are real."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from unit.calls import AGENT, CALLER, ENGLISH, RECORDING, STRANGER, line
from unit.test_fallback_core import played, stay

from ari_app import clock
from ari_app.core import evidence as ev
from ari_app.core import fallback, policy
from ari_app.core.free_space import Floor
from ari_app.core.names import Instant, MonitorId, RecordingId
from ari_app.errors import TransientError
from ari_app.free_space import FreeSpace
from ari_app.guard import keeper as kp
from ari_app.guard.vitals import Vitals
from ari_app.layout import Layout
from ari_app.numbers import Numbers

MONITOR, THEIRS = MonitorId("0x1"), MonitorId("0x2")
NAMES = {CALLER: "PJSIP/trunk-00000001", AGENT: "PJSIP/2002-00000002", STRANGER: "PJSIP/trunk-00000003"}
NUMBERS = Numbers(bytes(range(32)))
NUMBER = "07700900123"
WAIT_SECONDS = 3.0


class Ears:
    """A connection on which events are said by the test; markers come back at once, unless it is `deaf`."""

    def __init__(self, rows=()):
        self.connected, self.boot, self.deaf, self.failures = False, "boot", False, 0
        self.late_us = 0
        self.rows = list(rows)
        self.wanted: Any = ()
        self.rights = {"call", "dialplan", "agi", "dtmf"}
        self.handle: Any = None
        self.connections = 0

    async def connect(self, handle):
        if self.failures:
            self.failures -= 1
            raise TransientError("AMI cannot be reached", on="here")
        self.handle, self.connected = handle, True
        self.connections += 1

    async def channels(self):
        return self.rows

    async def reads(self, right):
        return right in self.rights

    async def set(self, _, name, value):
        await asyncio.sleep(self.late_us / 1e6)
        if not self.deaf:
            self.say("VarSet", None, variable=name, value=value)
        return True

    def close(self):
        self.connected = False

    def say(self, event, channel, **headers):
        who = {"channel": NAMES.get(channel, "none"), "uniqueid": channel or "none"}
        self.handle({"event": event, "timestamp": f"{clock.now() / 1e6:.6f}", **who, **headers})

    def bridged(self, channel, *, count, entered=True):
        kind = "BridgeEnter" if entered else "BridgeLeave"
        self.say(kind, channel, bridgeuniqueid="b", bridgetype="basic", bridgenumchannels=str(count))


class Hands:
    """The guard's own connection: which captures run, and which were stopped."""

    def __init__(self, file):
        self.running = {MONITOR: (file,), THEIRS: ("/elsewhere",)}
        self.stopped = []
        self.silent = 0

    async def captures(self, _):
        if self.silent:
            self.silent -= 1
            return None
        return {one: files for one, files in self.running.items() if one not in self.stopped}

    async def stop_mixmonitor(self, channel, monitor):
        assert channel == CALLER
        self.stopped.append(monitor)
        return True


class World:
    def __init__(self, root, rows=(), **rules):
        self.layout = Layout(root)
        for folder in ("live", "audio", "fallback", "heartbeat"):
            (root / folder).mkdir()
        self.rules = policy.Policy(
            site="x", node="pbx1", lines={"advice-line": line(**rules)}, staff=frozenset({"PJSIP/2002"})
        )
        self.layout.policy.write_bytes(policy.to_json(self.rules))
        self.vitals = Vitals(self.layout)
        self.ears, self.hands = Ears(rows), Hands(str(self.layout.audio / RECORDING / "seg-001.p01"))
        self.space = FreeSpace(self.layout, Floor(), "guard")
        self.tasks = set()
        keeper: Any = kp.Keeper
        self.keeper = keeper(self.ears, self.hands, self.layout, self.vitals, self.begin, NUMBERS, self.space)

    def begin(self, work):
        task = asyncio.ensure_future(work)
        self.tasks.add(task)

    @property
    def run(self):
        return self.keeper._files.run

    def beats(self):
        file = self.layout.keeper / f"{self.run}.jsonl"
        return len(file.read_text().splitlines()) if file.exists() else 0

    def attest(self, run=None, at=None):
        """Write what a script that has announced just now would write; at: when its caller came, if that matters."""
        text = self.layout.policy.read_bytes()
        rules = policy.from_json(text)
        now = clock.now()
        measured = played()
        shift = now - measured.ended_at
        measured = played(began_at=Instant(measured.began_at + shift), ended_at=now)
        heard: list[Any] = [fallback.notice(ENGLISH, measured, CALLER, 1)]
        came = replace(stay(), at=at or stay().at)
        entries: Any = fallback.account(
            rules, rules.lines["advice-line"], came, heard, run or self.run, RecordingId(RECORDING), now
        )
        self.layout.fallback_of(CALLER).parent.mkdir(exist_ok=True)
        self.layout.fallback_of(CALLER).write_bytes(fallback.journal(entries))

    def ask(self, number=NUMBER):
        """Ask as the script does; number: as AMI names the caller."""
        self.ears.say("VarSet", CALLER, variable="CONSENTGATE_FALLBACK", value=RECORDING, calleridnum=number)

    def entries(self):
        """Return what the keeper wrote, after who called."""
        text = self.layout.fallback_of(CALLER).read_bytes()
        before, _ = ev.read(text)
        sealed, *rest = ev.read(text + self.layout.kept_of(RECORDING).read_bytes())[0][len(before) :]
        assert isinstance(sealed, ev.NumberSealed)
        assert (NUMBERS.decrypt(sealed.number), sealed.number_hash) == (NUMBER, NUMBERS.hash(NUMBER))
        return rest

    async def until(self, ready):
        async with asyncio.timeout(WAIT_SECONDS):
            while not ready():  # noqa: ASYNC110  threads and tasks of the keeper, which sends no event
                await asyncio.sleep(0.01)


@asynccontextmanager
async def keeping(world):
    """Let the keeper work until it listens and has beaten once."""
    task = asyncio.ensure_future(world.keeper.run())
    try:
        await world.until(lambda: world.beats() > 0)
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, *world.tasks, return_exceptions=True)
        world.keeper.close()


def scenario(world, play):
    async def all_of_it():
        async with keeping(world):
            await play()

    asyncio.run(all_of_it())
