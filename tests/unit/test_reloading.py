"""A configuration that is read again while calls go on: what is taken up, what is kept, and what is said."""

import asyncio
import hashlib
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import structlog
from unit.calls import AGENT, NEVER, SECOND_AGENT, WELSH, line
from unit.config_world import speech, write, write_wav
from unit.switchboard import RULES, Switchboard

from ari_app import config, policy, reloading
from ari_app.core import evidence as ev
from ari_app.core import orders as o
from ari_app.core.free_space import Floor
from ari_app.core.names import MICROSECONDS, Instant
from ari_app.core.policy import Policy
from ari_app.core.reasons import Reason
from ari_app.core.retention import Locking, LockMode
from ari_app.errors import ConfigurationError
from ari_app.layout import Layout
from ari_app.ports import NotLockableError
from ari_app.reloading import GATE, GUARD, SHIP, Change, Reloader, govern
from ari_app.safekeeping import Safekeeping, Terms

GUARDED: tuple[str, object] = (
    "guard",
    {
        "ari_user": "g", "ari_password_file": "guard-ari.password",
        "ami_user": "g", "ami_password_file": "guard-ami.password",
    },
)  # fmt: skip


def reread(folder: Path, keys: reloading.Keys, *changes: tuple[str, object]) -> tuple[config.Config, Change]:
    before = config.load(write(folder, GUARDED), {})
    return reloading.read(write(folder, GUARDED, *changes), before, keys)


class TestRead:
    def test_what_a_gate_takes_up(self, tmp_path: Path) -> None:
        settings, change = reread(
            tmp_path,
            GATE,
            ("lines.advice-line.max_hours", 1),
            ("lines.new-line", {"mode": "never", "reason": "x"}),
            ("parties.staff", ["PJSIP/2001"]),
            ("spool.stop_below_free", "5%"),
            ("s3.bucket", "another"),
        )
        assert change == Change(
            ("lines.advice-line.max_hours", "lines.new-line", "parties.staff", "spool.stop_below_free"), ()
        )
        assert settings.lines["advice-line"].max_seconds == 3600
        assert settings.spool.stop_below_free == Floor(percent=5.0)

    def test_what_needs_a_restart_stays_as_it_was_and_the_rest_is_taken_up(self, tmp_path: Path) -> None:
        settings, change = reread(
            tmp_path,
            GATE,
            ("spool.path", "/srv/other"),
            ("spool.stop_below_free", "1GiB"),
            ("asterisk.ami_port", 5039),
            ("site.node", "pbx2"),
            ("site.name", "Another"),
        )
        assert change.taken_up == ("site.name", "spool.stop_below_free")
        assert change.needs_restart == ("asterisk.ami_port", "site.node", "spool.path")
        assert (settings.spool.path, settings.spool.stop_below_free) == (
            Path("/var/spool/consentgate"),
            Floor(2**30),
        )
        assert (settings.asterisk.ami_port, settings.site.node, settings.site.name) == (5038, "pbx1", "Another")

    def test_a_changed_secret_is_seen_and_never_said(self, tmp_path: Path) -> None:
        before = config.load(write(tmp_path), {})
        file = write(tmp_path)
        (tmp_path / "ami.password").write_text("another-secret\n")
        settings, change = reloading.read(file, before, GATE)
        assert change.needs_restart == ("asterisk.ami_password",)
        assert settings.asterisk.ami_password.reveal() == "ami-secret"

    def test_what_the_guard_and_ship_take_up(self, tmp_path: Path) -> None:
        changes: list[tuple[str, object]] = [
            ("guard.mode", "stop"),
            ("guard.ami_user", "h"),
            ("s3.keep_audio_seconds", 5),
            ("s3.multipart_above", "32MiB"),
            ("retention.health_record.keep", "9y"),
            ("ship", {"workers": 2}),
        ]
        assert reread(tmp_path, GUARD, *changes)[1] == Change(("guard.mode",), ("guard.ami_user",))
        settings, change = reread(tmp_path, SHIP, *changes)
        assert change.taken_up == ("retention.health_record.keep", "s3.keep_audio_seconds")
        assert change.needs_restart == ("s3.multipart_above", "ship.workers")
        assert (settings.s3.keep_audio_seconds, settings.ship.workers) == (5, 4)

    def test_a_guard_without_its_section_goes_on_as_it_is(self, tmp_path: Path) -> None:
        before = config.load(write(tmp_path, GUARDED), {})
        with pytest.raises(ConfigurationError, match="no section guard any more"):
            reloading.read(write(tmp_path), before, GUARD)

    def test_every_key_is_somebody_s(self) -> None:
        """A new key is taken up by a process, or needs its restart; or it is read by commands, at each run."""
        by_commands = {"site.default_language", "assurance"}
        known = {*by_commands, *(key for one in (GATE, GUARD, SHIP) for key in (*one.taken_up, *one.fixed))}
        for name, field in config.Config.model_fields.items():
            section = field.annotation
            inner = [name]
            if isinstance(section, type) and issubclass(section, config.Section) and name not in known:
                inner = [f"{name}.{key}" for key in config.keys_of(section)]
            elif name == "guard":
                inner = [f"guard.{key}" for key in config.keys_of(config.Guard)]
            assert set(inner) <= known, name
        assert not {key for one in (GATE, GUARD, SHIP) for key in one.taken_up if key in one.fixed}

    def test_the_page_for_administrators_names_them(self) -> None:
        page = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
        rows = dict(re.findall(r"^\| `(gate|guard|ship)` \| (.*) \|$", page, re.MULTILINE))
        for name, keys in (("gate", GATE), ("guard", GUARD), ("ship", SHIP)):
            assert rows[name].split(" | ") == [
                ", ".join(f"`{key}`" for key in part if not key.endswith(("password", "access_key", "secret_key")))
                for part in (keys.taken_up, keys.fixed)
            ]


class TestReloader:
    def reload(
        self, folder: Path, *changes: tuple[str, object], refuses: Exception | None = None
    ) -> tuple[Reloader, list[Any]]:
        applied: list[Any] = []
        said: list[str] = []
        over = asyncio.Event()

        def notify(text: str) -> None:
            said.append(text)
            if text.startswith("READY=1"):
                over.set()

        def prepare(settings: config.Config) -> str:
            if refuses:
                raise refuses
            return settings.site.name

        async def story() -> Reloader:
            settings = config.load(write(folder), {})
            file = folder / "consentgate.yaml"
            reloader = Reloader(
                "gate", file, settings, GATE, prepare=prepare,
                apply=lambda settings, made: applied.append((settings.site.name, made)), notify=notify,
            )  # fmt: skip
            running = asyncio.ensure_future(reloader.run())
            write(folder, *changes)
            reloader.asked.set()
            async with asyncio.timeout(5):
                await over.wait()
            running.cancel()
            return reloader

        reloader = asyncio.run(story())
        return reloader, [*applied, *said]

    def test_a_right_file_is_put_into_force_and_said(self, tmp_path: Path) -> None:
        with structlog.testing.capture_logs() as logged:
            reloader, (applied, first, last) = self.reload(tmp_path, ("site.name", "Another"), ("site.node", "pbx2"))
        assert applied == ("Another", "Another")
        assert first.startswith("RELOADING=1\nMONOTONIC_USEC=")
        assert last == "READY=1\nSTATUS=configuration taken up (1 keys changed; a restart is needed for site.node)"
        assert [(one["event"], one["log_level"]) for one in logged] == [
            ("config.taken_up", "info"),
            ("config.needs_restart", "warning"),
        ]
        assert logged[0]["changed"] == ["site.name"]
        assert reloader.settings.site.name == "Another"

    @pytest.mark.parametrize(
        ("refuses", "reason"),
        [
            (None, "did you mean announce?"),
            (ConfigurationError("an announcement is broken", hint="Mend it"), "an announcement is broken"),
            (KeyError("a bug"), "KeyError('a bug')"),
        ],
    )
    def test_a_wrong_one_changes_nothing_and_its_reason_is_said(
        self, tmp_path: Path, refuses: Exception | None, reason: str
    ) -> None:
        changes: list[tuple[str, object]] = [("site.nmae", "x"), ("lines.advice-line.mode", "anounce")]
        with structlog.testing.capture_logs() as logged:
            reloader, (_, last) = self.reload(tmp_path, *([] if refuses else changes), refuses=refuses)
        (only,) = logged
        assert (only["event"], only["log_level"]) == ("config.not_taken_up", "error")
        assert reason in only["why"]
        assert "consentgate check" in only["hint"]
        assert last.startswith("READY=1\nSTATUS=the changed configuration is ")
        assert "\n" not in last.partition("STATUS=")[2]
        assert reloader.settings.site.name == "St Elsewhere Hospital"


class TestAnnouncements:
    def rules(self, folder: Path, before: Policy | None, *changes: tuple[str, object]) -> Policy:
        settings = config.load(write(folder, *changes), {})
        return policy.recompiled(settings, Layout(folder / "spool"), before or replace(RULES, lines={}))

    def test_a_line_that_worked_is_not_silenced_by_a_broken_announcement(self, tmp_path: Path) -> None:
        write_wav(tmp_path / "advice-en.wav", speech())
        before = self.rules(tmp_path, None)
        (tmp_path / "advice-en.wav").unlink()
        with pytest.raises(ConfigurationError, match=r"not be recorded any more: advice-line: .*does not exist"):
            self.rules(tmp_path, before)
        assert Path(before.lines["advice-line"].announcements[0].path).exists(), "it goes on being played"
        assert self.rules(tmp_path, before, ("lines.advice-line.mode", "never"), ("lines.advice-line.reason", "x"))

    def test_one_that_was_silent_already_keeps_nobody_from_changing_the_rest(self, tmp_path: Path) -> None:
        broken = replace(RULES, lines={"advice-line": line(unusable="it is broken")})
        assert self.rules(tmp_path, broken).lines["advice-line"].unusable

    def test_the_same_for_those_who_are_called(self, tmp_path: Path) -> None:
        write_wav(tmp_path / "advice-en.wav", speech())
        before = self.rules(tmp_path, None)
        other = {"file": "nowhere.wav", "language": "en", "text": "This call is recorded."}
        changes = [("announcements.x", other), ("lines.advice-line.outgoing_announcements", ["x"])]
        with pytest.raises(ConfigurationError, match="does not exist"):
            self.rules(tmp_path, before, *changes)


class TestCalls:
    @pytest.fixture
    def board(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Switchboard:
        return Switchboard(tmp_path, monkeypatch)

    def other(self, **changes: Any) -> Policy:
        lines = {**RULES.lines, "advice-line": line(WELSH)}
        return replace(RULES, lines=lines, sha256=hashlib.sha256(b"other").hexdigest(), **changes)

    def test_a_call_in_progress_keeps_its_rules_and_the_next_has_the_new_ones(self, board: Switchboard) -> None:
        async def story() -> None:
            first = await board.record()
            await board.talk()
            govern(board.dispatcher, self.other())
            board.arrive(6000, uniqueid=SECOND_AGENT)
            opened = [one for one in board.journalist.entries() if isinstance(one, ev.Opened)]
            assert [one.policy_sha256 for one in opened] == ["5" * 64, self.other().sha256]
            assert board.dispatcher.calls[first].room.line == RULES.lines["advice-line"]
            assert board.dispatcher.calls[board.recording].room.line == line(WELSH)
            assert not [one for one in board.journalist.entries() if isinstance(one, ev.PermitRevoked)]

        board.run(story)

    def test_who_is_of_the_house_no_more_ends_the_segment_at_once(self, board: Switchboard) -> None:
        async def story() -> None:
            await board.record()
            await board.talk()
            board.at(7000)
            govern(board.dispatcher, self.other(staff=frozenset({"PJSIP/2002"})))
            (revoked,) = [one for one in board.journalist.entries() if isinstance(one, ev.PermitRevoked)]
            assert revoked.reason is Reason.NOT_TOLD
            assert any(isinstance(one, o.StopCapture) for one in board.executor.orders)

        board.run(story)

    def test_a_line_on_which_nobody_may_be_recorded_any_more_ends_what_runs_there_at_once(
        self, board: Switchboard
    ) -> None:
        async def story() -> None:
            await board.record()
            await board.talk()
            govern(board.dispatcher, self.other())
            assert not [one for one in board.journalist.entries() if isinstance(one, ev.PermitRevoked)]
            for lines, reason in (({**RULES.lines, "advice-line": NEVER}, Reason.LINE_NEVER), ({}, Reason.LINE_NEVER)):
                govern(board.dispatcher, replace(RULES, lines=lines))
                (revoked,) = [one for one in board.journalist.entries() if isinstance(one, ev.PermitRevoked)]
                assert revoked.reason is reason, "what is over stays over"
            assert any(isinstance(one, o.StopCapture) for one in board.executor.orders)

        board.run(story)

    def test_who_is_being_told_on_such_a_line_is_let_go(self, board: Switchboard) -> None:
        async def story() -> None:
            board.arrive()
            govern(board.dispatcher, replace(RULES, lines={}))
            (release,) = [one for one in board.executor.orders if isinstance(one, o.Release)]
            assert (release.outcome, release.reason) == (o.Outcome.NOT_RECORDED, Reason.LINE_UNKNOWN)

        board.run(story)

    def test_nobody_becomes_staff_for_a_call_that_is_under_way(self, board: Switchboard) -> None:
        async def story() -> None:
            govern(board.dispatcher, self.other(staff=frozenset({"PJSIP/2002"})))
            await board.record()
            govern(board.dispatcher, self.other())
            await board.talk(5000, AGENT)
            granted = [one for one in board.journalist.entries() if isinstance(one, ev.PermitGranted)]
            revoked = [one for one in board.journalist.entries() if isinstance(one, ev.PermitRevoked)]
            assert len(granted) == len(revoked)

        board.run(story)

    def test_a_new_emergency_number_and_trunk_count_from_now_on(self, board: Switchboard) -> None:
        async def story() -> None:
            rules = self.other(emergency_numbers=frozenset({"112"}), trunks=frozenset({"PJSIP/other"}))
            govern(board.dispatcher, rules)
            assert board.dispatcher.passing.rules is rules
            assert board.dispatcher.whereabouts.topology.trunks == {"PJSIP/other"}

        board.run(story)


class Store:
    """A bucket that cannot lock."""

    def retain(self, *_: object) -> None:
        raise NotLockableError("the bucket cannot lock")


def test_a_lock_that_is_demanded_from_now_on_is_asked_of_a_store_that_could_not() -> None:
    store: Any = Store()
    keeping = Safekeeping(store, Terms(locking=Locking(LockMode.GOVERNANCE)))
    until, now = Instant(2 * MICROSECONDS), Instant(1)
    keeping.lock(["x"], until, now)
    keeping.take_up(Terms(locking=Locking(LockMode.GOVERNANCE, demanded=True)))
    with pytest.raises(NotLockableError):
        keeping.lock(["x"], until, now)
