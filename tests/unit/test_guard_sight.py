"""Every recording of ARI's is seen on the disk, or Asterisk is asked to tell of it: folders and the kernel are real."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from unit.guard_world import World

from ari_app.adapters.ari import Reply
from ari_app.guard import sight
from ari_app.guard.asterisk import Pbx
from ari_app.guard.files import Watch
from ari_app.guard.recordings import AriRecordings
from ari_app.guard.sight import Sight

STRANGER_SECONDS = 0.05


@dataclass
class Ami:
    spool: str


@dataclass
class Ari:
    """Finds what lies in its folder, and says of each file that is asked after that it is a live recording."""

    folder: Path
    connected: bool = True
    hears_all: bool = False
    refuses: bool = False
    asked: list[str] = field(default_factory=list)

    async def stored(self, name: str) -> bool:
        return (self.folder / f"{name}.wav").exists()

    async def hear_all(self) -> bool:
        self.hears_all = not self.refuses
        return self.hears_all

    async def live_recording(self, name: str) -> None:
        self.asked.append(name)


class Site:
    """A spool of Asterisk's with its folder, and a guard's eyes on it."""

    def __init__(self, root: Path) -> None:
        self.world = World(root)
        self.spool = root / "asterisk"
        self.folder = self.spool / "recording"
        self.folder.mkdir(parents=True)
        ami: Any = Ami(str(self.spool))
        ari: Any = Ari(self.folder)
        pbx: Any = Pbx(ami, ari)
        self.pbx = pbx
        warden = self.world.warden(pbx)
        self.tasks: list[asyncio.Task[None]] = []
        self.recordings = recordings = AriRecordings(pbx, warden)
        begin = lambda work: self.tasks.append(asyncio.ensure_future(work))  # noqa: E731
        self.watch = Watch(self.world.layout, (self.world.monitor,), warden, recordings, begin)
        self.sight = Sight(pbx, self.watch)

    def run(self, story: Callable[[], Awaitable[None]]) -> None:
        async def whole() -> None:
            self.watch.start()
            try:
                await story()
                if self.tasks:
                    _, insisting = await asyncio.wait(self.tasks, timeout=0.2)
                    for task in insisting:
                        task.cancel()
            finally:
                self.watch.close()

        asyncio.run(whole())


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(sight, "TOLD_SECONDS", 0.2)
    monkeypatch.setattr(sight, "LOOK_SECONDS", 0.001)
    return Site(tmp_path)


def test_a_folder_that_is_asterisk_s_and_watched_needs_no_events(site: Site) -> None:
    (site.folder / "2026").mkdir()
    (site.folder / "2026" / "old.wav").write_bytes(b"old")

    async def story() -> None:
        await site.sight.settle()
        assert not site.pbx.ari.hears_all
        assert (site.sight.open, site.sight.lost()) == (True, False)
        assert [one.name for one in site.folder.iterdir()] == ["2026"], "the proof stays behind"
        await site.sight.settle()
        assert not site.pbx.ari.hears_all

    site.run(story)
    assert site.pbx.ari.asked == [], "what the guard puts there itself is no recording"


def spoil_link(site: Site) -> None:
    (site.folder / "link").symlink_to(site.world.monitor)


def spoil_neighbour(site: Site) -> None:
    (site.spool / "recordings").mkdir()


def spoil_gone(site: Site) -> None:
    site.folder.rmdir()


def spoil_elsewhere(site: Site) -> None:
    site.pbx.ari.folder = site.world.monitor


def spoil_unknown(site: Site) -> None:
    site.pbx.ami.spool = ""


def spoil_unwatched(site: Site) -> None:
    watch: Any = site.watch
    watch.see_recordings = lambda _: None


SPOILT = [spoil_link, spoil_neighbour, spoil_gone, spoil_elsewhere, spoil_unknown, spoil_unwatched]


@pytest.mark.parametrize("spoil", SPOILT, ids=lambda one: one.__name__)
def test_where_it_is_not_proven_asterisk_is_asked_to_tell(site: Site, spoil: Callable[[Site], None]) -> None:
    spoil(site)

    async def story() -> None:
        await site.sight.settle()
        assert site.pbx.ari.hears_all
        assert not site.sight.lost()

    site.run(story)
    assert list(site.world.monitor.iterdir()) == []


def test_a_kernel_that_does_not_tell_proves_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        site.watch.see_recordings(site.folder)
        monkeypatch.setattr(site.watch, "_read", lambda: None)
        asyncio.get_running_loop().remove_reader(site.watch._inotify.fileno())
        await site.sight.settle()
        assert site.pbx.ari.hears_all

    site.run(story)


def test_a_link_that_comes_later_is_seen_at_the_next_look(site: Site) -> None:
    async def story() -> None:
        await site.sight.settle()
        spoil_link(site)
        await site.sight.settle()
        assert site.pbx.ari.hears_all

    site.run(story)


def test_another_folder_in_its_place_is_noticed(site: Site) -> None:
    async def story() -> None:
        await site.sight.settle()
        site.folder.rename(site.spool / "old")
        assert site.sight.lost()
        site.folder.mkdir()
        assert site.sight.lost()
        await site.sight.settle()
        assert (site.pbx.ari.hears_all, site.sight.lost()) == (False, False), "it is proven like the first"

    site.run(story)


def test_without_an_answer_it_is_asked_again(site: Site) -> None:
    spoil_elsewhere(site)
    site.pbx.ari.refuses = True

    async def story() -> None:
        await site.sight.settle()
        assert (site.sight.open, site.sight.lost()) == (False, True), "the guard is not ready"
        site.pbx.ari.refuses = False
        await site.sight.settle()
        assert site.pbx.ari.hears_all
        site.pbx.ari.hears_all = site.pbx.ari.connected = False
        await site.sight.settle()
        assert not site.pbx.ari.hears_all, "nobody is asked who does not answer"

    site.run(story)


def test_whatever_is_made_or_opened_there_is_asked_after(site: Site) -> None:
    """Made once, in a folder that is new; added to; read; and not asked after where Asterisk tells by itself."""
    old = site.folder / "old.wav"
    old.write_bytes(b"old")

    async def story() -> None:
        await site.sight.settle()
        (site.folder / "a.b.gsm").write_bytes(b"new")
        await asyncio.sleep(STRANGER_SECONDS)
        (site.folder / "ward" / "1").mkdir(parents=True)
        (site.folder / "ward" / "1" / "x.wav").write_bytes(b"new")
        await asyncio.sleep(STRANGER_SECONDS)
        with old.open("ab"):
            pass
        await asyncio.sleep(STRANGER_SECONDS)
        (site.folder / "nothing").touch()
        await asyncio.sleep(STRANGER_SECONDS)
        site.pbx.ari.hears_all = True
        old.read_bytes()
        (site.folder / "late.wav").touch()
        await asyncio.sleep(STRANGER_SECONDS)

    site.run(story)
    assert site.pbx.ari.asked == ["a.b", "ward/1/x", "old"]
    assert list(site.world.incidents()) == [], "what lies there is no business of the watch: the site did not say so"


def test_a_folder_that_the_site_named_otherwise_is_guarded_all_the_same(tmp_path: Path) -> None:
    site = Site(tmp_path)
    (tmp_path / "by-another-name").symlink_to(site.folder)
    site.watch._folders = (tmp_path / "by-another-name",)

    async def story() -> None:
        await site.sight.settle()
        (site.folder / "x.wav").write_bytes(b"nobody's")
        await asyncio.sleep(2 * STRANGER_SECONDS)

    site.run(story)
    assert [one["door"] for one in site.world.incidents()] == ["file"]


# ---- one recording, found in several ways


@dataclass
class Recording(Ari):
    """Has one live recording, which ends when it is stopped, and answers as slowly as a network does."""

    runs: int = 1
    """So many, one after the other, by the same name."""
    stops: int = 0

    async def live_recording(self, name: str) -> dict[str, str] | None:  # type: ignore[override]
        assert name == "x"
        await asyncio.sleep(0.001)
        return {"target_uri": "bridge:b", "state": "recording"} if self.stops < self.runs else None

    async def recording_runs(self, _: str) -> bool:
        return self.stops < self.runs

    async def members(self, _: str) -> list[str]:
        await asyncio.sleep(0.001)
        return []

    async def stop_recording(self, name: str) -> Reply:
        file = self.folder / f"{name}.wav"
        self.stops += 1
        if self.stops < self.runs:
            file.write_bytes(b"more")
        return Reply.YES


@pytest.mark.parametrize("runs", [1, 2])
def test_what_is_found_in_two_ways_is_stopped_once(tmp_path: Path, runs: int) -> None:
    """And one that begins by the same name while the first is put away is not taken for the first."""
    site = Site(tmp_path)
    site.watch._folders = (site.folder,)
    site.pbx.ari = Recording(site.folder, runs=runs)
    site.recordings._warden._quarantine._sources.append(str(site.folder))

    async def story() -> None:
        await site.sight.settle()
        (site.folder / "x.wav").write_bytes(b"secret")
        await asyncio.gather(site.recordings.survey(), site.recordings.survey())
        await asyncio.sleep(4 * STRANGER_SECONDS)

    site.run(story)
    assert [(one["door"], one["action"]) for one in site.world.incidents()] == [("bridge_recording", "stopped")] * runs
    assert list(site.folder.iterdir()) == []
