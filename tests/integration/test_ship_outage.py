"""Real servers that go and come back, and a real store behind a door that refuses: each recording is stored once."""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psycopg
import pytest
import servers
from demo_world.seaweed import BUCKET, REGION
from sealed_calls import SyntheticSpool

from ari_app import attempts
from ari_app.adapters.postgres import PostgresDatabase
from ari_app.adapters.s3 import S3Store
from ari_app.attempts import REACH
from ari_app.ship import Ship
from ari_app.signing import Signer

RECORDINGS = 6
PATIENCE_SECONDS = 60.0
ANSWERS = {
    "throttled": (503, "SlowDown", "Please reduce your request rate."),
    "expired": (400, "ExpiredToken", "The provided token has expired."),
    "revoked": (403, "InvalidAccessKeyId", "The access key does not exist."),
    "skewed": (403, "RequestTimeTooSkewed", "The difference between the request time and ours is too large."),
}


class Door:
    """Stands before the real store, passes on what it is asked, or refuses it; it counts both."""

    def __init__(self, port: int) -> None:
        self.refusal: tuple[int, str, str] | None = None
        self.refused: Counter[str] = Counter()
        self._port = port
        door = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_expect_100(self) -> bool:
                # A refusal comes before the body, as a store's own does.
                if door.refusal:
                    door.refuse(self)
                    return False
                return super().handle_expect_100()

            def do_any(self) -> None:
                if door.refusal:
                    door.refuse(self)
                else:
                    door.pass_on(self)

            do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = do_any  # noqa: N815  # the names that http.server asks for

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def refuse(self, request: BaseHTTPRequestHandler) -> None:
        assert self.refusal
        status, code, message = self.refusal
        self.refused[request.command] += 1
        text = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
        request.close_connection = True
        request.send_response(status)
        request.send_header("Content-Length", str(len(text)))
        request.send_header("Connection", "close")
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(text)

    def pass_on(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        headers = {name: value for name, value in request.headers.items() if name != "Expect"}
        # With its own Host, which is signed.
        real = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        real.request(request.command, request.path, body, headers)
        answer = real.getresponse()
        content = answer.read()
        request.send_response(answer.status)
        for name, value in answer.getheaders():
            if name not in {"Content-Length", "Connection", "Transfer-Encoding", "Date", "Server"}:
                request.send_header(name, value)
        length = answer.getheader("Content-Length") if request.command == "HEAD" else None
        request.send_header("Content-Length", length or str(len(content)))
        request.end_headers()
        request.wfile.write(content)
        real.close()


@contextmanager
def opened_door() -> Iterator[Door]:
    door = Door(servers.running().seaweed.ports.s3)
    thread = threading.Thread(target=door.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield door
    finally:
        door.server.shutdown()
        door.server.server_close()
        thread.join()


class Site:
    """A spool, a ship that runs, and what it should have come to."""

    def __init__(self, path, endpoint=None):
        running = servers.running()
        self.servers, self.dsn, self.prefix = running, running.database(), running.prefix()
        self.synthetic = SyntheticSpool(path / "spool").prepare()
        self.layout = self.synthetic.layout
        key = running.seaweed.key
        self.store = S3Store(
            bucket=BUCKET,
            region=REGION,
            endpoint_url=endpoint or running.seaweed.endpoint,
            access_key=key.access,
            secret_key=key.secret,
        )
        self.database = PostgresDatabase(self.dsn)
        self.recordings: list[str] = []
        self.failures: list[BaseException] = []

    def seal(self, count=RECORDINGS):
        self.recordings += [self.synthetic.good() for _ in range(count)]

    @contextmanager
    def shipping(self):
        ship = Ship(self.layout, self.store, self.database, self.prefix, "pbx1", signer=Signer(bytes(range(32))))
        ship.workers = 4

        def run():
            try:
                ship.run()
            except BaseException as failure:  # noqa: BLE001
                self.failures.append(failure)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield ship
        finally:
            ship.stopping.set()
            thread.join(20)
            assert not thread.is_alive()
        assert self.failures == []

    def shipped(self):
        return sorted(one.name for one in self.layout.shipped.iterdir())

    def away(self):
        account = attempts.read(self.layout)
        return account.found.get(REACH) if account else None

    def keys(self):
        """Count the objects of each recording, as the store lists them."""
        return Counter(key.split("/")[-2] for key in self.servers.store().list(f"{self.prefix}/"))

    def assert_each_is_stored_once(self):
        wait_for(lambda: self.shipped() == sorted(self.recordings))
        # Its audio goes last.
        wait_for(lambda: not [*self.layout.sealed.iterdir(), *self.layout.audio.iterdir()])
        assert not list(self.layout.quarantine.iterdir())
        with psycopg.connect(self.dsn) as connection:
            rows = connection.execute("SELECT recording FROM recordings ORDER BY recording").fetchall()
        assert [one for (one,) in rows] == sorted(self.recordings)
        began = time.monotonic()
        wait_for(lambda: self.keys() == dict.fromkeys(self.recordings, 3))
        print(f"listed after {time.monotonic() - began:.2f} s")
        wait_for(lambda: self.layout.ready("ship").exists())
        ledger = b"".join(file.read_bytes() for file in self.layout.anchors.iterdir())
        assert all(ledger.count(one.encode()) == 1 for one in self.recordings)


def wait_for(there, seconds=PATIENCE_SECONDS):
    deadline = time.monotonic() + seconds
    while not there():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)


def restart(running, names):
    for name in names:
        getattr(running, f"start_{name}")()


@pytest.mark.parametrize("names", [("s3",), ("postgres",), ("s3", "postgres")], ids="+".join)
def test_servers_that_are_away_when_calls_come_and_go_away_amid_them(tmp_path, names):
    site = Site(tmp_path)
    running = site.servers
    with site.shipping():
        wait_for(lambda: site.layout.ready("ship").exists())
        site.seal()
        wait_for(lambda: site.shipped() or list(site.layout.sealed.glob("*/manifest.json")))
        for name in names:
            running.kill(name)
        try:
            site.seal()
            wait_for(lambda: site.away() is not None and not site.layout.ready("ship").exists())
            away = site.away()
            assert away is not None
            assert away.failed
            account = attempts.read(site.layout)
            assert account is not None
            wait_for(lambda: (said := attempts.read(site.layout)) is not None and said.unshipped > 0)
        finally:
            restart(running, names)
        site.assert_each_is_stored_once()
    site.database.close()


@pytest.mark.parametrize("how", ANSWERS)
def test_a_store_that_refuses_for_a_while(tmp_path, how, capsys):
    with opened_door() as door:
        site = Site(tmp_path, door.endpoint)
        with site.shipping():
            wait_for(lambda: site.layout.ready("ship").exists())
            door.refusal = ANSWERS[how]
            site.seal()
            wait_for(lambda: site.away() is not None)
            time.sleep(3)
            # One tries for all, and waits longer each time: no worker makes a storm of its own.
            assert sum(door.refused.values()) <= 16
            away = site.away()
            assert away is not None
            assert ANSWERS[how][1] in away.why
            assert not site.shipped()
            assert not list(site.layout.quarantine.iterdir())
            door.refusal = None
            site.assert_each_is_stored_once()
        site.database.close()
    # Whichever recording was tried: it is one thing that is said once.
    assert "".join(capsys.readouterr()).count("ship.not_ready") == 1


def test_a_ship_that_ends_amid_an_outage_ends_at_once_and_the_next_one_goes_on(tmp_path):
    with opened_door() as door:
        site = Site(tmp_path, door.endpoint)
        site.seal()
        with site.shipping():
            wait_for(lambda: site.layout.ready("ship").exists())
            door.refusal = ANSWERS["throttled"]
            wait_for(lambda: site.away() is not None or len(site.shipped()) == RECORDINGS)
            began = time.monotonic()
        assert time.monotonic() - began < 5
        door.refusal = None
        site.seal()
        with site.shipping():
            site.assert_each_is_stored_once()
        site.database.close()
