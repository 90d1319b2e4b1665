"""The gate's lock, its signs of life, whoever waits for it, and what is read again when the wait is over."""

import asyncio
import os
import socket

import pytest
from unit.config_world import speech, write, write_wav

from ari_app import service, systemd
from ari_app.errors import SpoolError
from ari_app.layout import Layout
from ari_app.service import Lock


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path)


@pytest.fixture
def locks(layout):
    made = [Lock(layout.lock("gate")) for _ in range(3)]
    yield made
    for one in made:
        one.close()


@pytest.fixture
def manager(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
        connection.bind(str(tmp_path / "notify"))
        connection.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield connection


def test_a_lock_has_one_holder(locks):
    first, second, _ = locks
    assert first.take()
    assert not second.take()


def test_its_file_says_who_holds_it_and_whether_signs_are_to_be_expected(layout, locks):
    locks[0].say(signs=False)
    assert layout.lock("gate").read_text() == f"{os.getpid()} no-signs\n"
    locks[0].say(signs=True)
    assert layout.lock("gate").read_text() == f"{os.getpid()} signs\n"


def test_signs_touch_the_file_and_feed_the_watchdog(layout, locks, manager, monkeypatch):
    monkeypatch.setattr(service, "SIGN_SECONDS", 0.001)
    os.utime(layout.lock("gate"), ns=(1, 1))

    async def story():
        task = asyncio.ensure_future(locks[0].signs())
        await asyncio.sleep(0.02)
        task.cancel()

    asyncio.run(story())
    assert layout.lock("gate").stat().st_mtime_ns > 1
    assert manager.recv(100) == b"WATCHDOG=1"


@pytest.mark.parametrize("address", ["", "elsewhere", "/no/such/socket", "@no-such-socket"])
def test_without_a_service_manager_nobody_is_told(monkeypatch, address):
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    systemd.notify("READY=1")


def test_an_abstract_socket_is_one_as_well(monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as connection:
        connection.bind(f"\0consentgate-{os.getpid()}")
        connection.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@consentgate-{os.getpid()}")
        systemd.notify("READY=1")
        assert connection.recv(100) == b"READY=1"


def test_whoever_stands_by_gets_the_lock_as_soon_as_it_falls(layout, locks):
    holder, waiting, _ = locks

    async def story():
        assert holder.take()
        assert not service.somebody_waits(layout)
        turn = asyncio.ensure_future(service.turn(waiting, layout, asyncio.Event()))
        async with asyncio.timeout(5):
            while not service.somebody_waits(layout):  # noqa: ASYNC110  a lock sends no event
                await asyncio.sleep(0.001)
        assert not turn.done()
        holder.close()
        async with asyncio.timeout(5):
            assert await turn
        locks[0] = Lock(layout.lock("gate"))

    asyncio.run(story())
    assert not locks[0].take()
    assert not service.somebody_waits(layout)


def test_whoever_is_told_to_stop_does_not_wait_any_longer(layout, locks):
    holder, waiting, _ = locks

    async def story():
        assert holder.take()
        stopping = asyncio.Event()
        turn = asyncio.ensure_future(service.turn(waiting, layout, stopping))
        await asyncio.sleep(0.01)
        stopping.set()
        async with asyncio.timeout(5):
            assert not await turn

    asyncio.run(story())


def configured(folder):
    (folder / "spool").mkdir()
    write_wav(folder / "advice-en.wav", speech())
    return write(folder, ("spool.path", str(folder / "spool")))


def test_what_was_prepared_is_current_until_a_file_changes(tmp_path):
    path = configured(tmp_path)
    prepared, lock = service.prepare(path)
    lock.close()
    assert prepared.current()
    path.write_text(path.read_text() + "\n")
    assert not prepared.current()


def test_a_spool_that_is_not_there_is_not_made(tmp_path):
    path = configured(tmp_path)
    prepared, lock = service.prepare(path)
    lock.close()
    root = prepared.layout.root
    root.rename(root.with_name("elsewhere"))
    with pytest.raises(SpoolError, match=r"spool\.path"):
        service.prepare(path)
    assert not root.exists()
