"""What ship counts, and when it is ready and why not."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from unit.test_watching_processes import PORT, said, value

from ari_app import clock
from ari_app.core.names import Instant
from ari_app.errors import PermanentError, TransientError
from ari_app.ports import ConflictError, Found
from ari_app.watching.ship import KINDS, ShipWatch, TimedDatabase, TimedStore, kind_of


@pytest.fixture
def ship() -> ShipWatch:
    return ShipWatch(PORT)


def test_ship_is_ready_when_both_servers_answered_and_not_while_one_is_away(ship: ShipWatch) -> None:
    assert said(ship.watch)["checks"]["s3"] == "has not answered yet"
    ship.begun()
    assert said(ship.watch)["ready"]
    ship.away("s3", TransientError("x"))
    assert said(ship.watch)["checks"] == {
        "s3": "cannot be reached, or refuses us (unreachable)",
        "postgres": "ok",
        "loop": "ok",
    }
    assert value(ship.watch, "server_reachable", server="s3") == 0
    assert value(ship.watch, "attempts_failed_total", about="s3", kind="unreachable") == 1
    ship.back("s3")
    assert said(ship.watch)["ready"]
    assert value(ship.watch, "server_reachable", server="s3") == 1


def test_ship_tells_what_is_not_stored_and_when_it_last_stored(
    ship: ShipWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)
    ship.unshipped(3, Instant(now - 90_000_000), 1, 2)
    ship.failed("call", ConflictError("x"))
    ship.failed("call", ValueError("x"), "damaged")
    ship.shipped("recorded", None)
    told = said(ship.watch)
    assert [told[name] for name in ("unshipped", "oldest_unshipped_age_seconds", "waiting", "failing")] == [3, 90, 1, 2]
    assert (told["failed_attempts"], told["last_shipped_age_seconds"]) == (2, 0)
    assert value(ship.watch, "oldest_unshipped_age_seconds") == 90
    assert value(ship.watch, "shipments_total", outcome="recorded", reason="") == 1
    assert value(ship.watch, "last_shipment_time_seconds") == now / 1e6
    assert value(ship.watch, "attempts_failed_total", about="call", kind="conflict") == 1
    assert value(ship.watch, "attempts_failed_total", about="call", kind="damaged") == 1
    ship.unshipped(0, None, 0, 0)
    assert value(ship.watch, "oldest_unshipped_age_seconds") == 0


def test_every_kind_of_failure_has_a_word() -> None:
    assert kind_of(PermanentError("x")) == "refused"
    assert kind_of(PermissionError()) == "disk"
    assert kind_of(ValueError()) == "other"
    assert len(set(KINDS.values())) == len(KINDS)


def test_requests_are_timed_also_those_that_fail(ship: ShipWatch, tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"12345")
    fine: Any = SimpleNamespace(
        reach=lambda: None,
        put=lambda *_: Found(5, "sha"),
        head=lambda _: Found(5, "x"),
        read_back=lambda _: Found(5, "x"),
        retain=lambda *_: None,
        hold=lambda _: None,
    )
    store = TimedStore(fine, ship.meters)
    store.reach()
    # What the store says that it has taken is an answer that saves a question.
    assert store.put("k", file, "sha", "audio/flac") == Found(5, "sha")
    assert store.head("k") == store.read_back("k") == Found(5, "x")
    store.retain("k", None, Instant(0))  # type: ignore[arg-type]  # nobody looks at it
    store.hold("k")
    for operation in ("reach", "put", "head", "read_back", "retain", "hold"):
        assert value(ship.watch, "request_seconds_count", server="s3", operation=operation) == 1
    assert value(ship.watch, "stored_bytes_total") == 5

    def broken(*_: object) -> bool:
        raise TransientError("x")

    words = ("reach", "has_call", "known", "store", "store_all", "store_incident")
    away: Any = SimpleNamespace(**dict.fromkeys(words, broken), close=lambda: None)
    database = TimedDatabase(away, ship.meters)
    asks = (
        database.reach,
        lambda: database.has_call("n", "c"),
        lambda: database.known({"k"}),
        lambda: database.store({}, "k", "s"),
        lambda: database.store_all([]),
        lambda: database.store_incident({}, "k", "s"),
    )
    for ask in asks:
        with pytest.raises(TransientError):
            ask()
    database.close()
    counts = {"reach": 1, "has_call": 1, "known": 1, "store": 2, "store_incident": 1}
    for operation, count in counts.items():
        assert value(ship.watch, "request_seconds_count", server="postgres", operation=operation) == count
