"""Ship is killed, or cut off from its servers, in each phase of a shipment, on the real S3 and the real PostgreSQL.

The same phases as in `./tests/run chaos`, without Asterisk: what is sealed is made by hand, so a point takes a second.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import servers
from chaos.moments import Moments
from chaos.points import SHIPMENT_PHASES
from demo_world.processes import wait_until
from demo_world.seaweed import BUCKET, REGION
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from sealed_calls import SyntheticSpool
from system.proxy import PlainFraming, Proxy
from unit.config_world import write

from ari_app.commands import verify
from ari_app.errors import GOOD

CHECKOUT = Path(__file__).parents[2]
SHIPPED_SECONDS = 20.0
REACHED_SECONDS = 15.0


@dataclass
class Way:
    """A spool with one sealed call, the configuration, and ship's two lines."""

    synthetic: SyntheticSpool
    recording: str
    config: Path
    dsn: str
    prefix: str
    moments: Moments
    running: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start ship, as a service manager would."""
        program = "from ari_app.cli import main; main()"
        command = [sys.executable, "-P", "-c", program, "ship", "--config", str(self.config)]
        environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
        self.running = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        """End it without any warning, as soon as it is there: what it is to do first lies there before."""
        assert wait_until(lambda: self.running is not None, 5.0, pause_seconds=0.01)
        assert self.running is not None
        self.running.send_signal(signal.SIGKILL)
        self.running.wait(5)


@pytest.fixture
def way(tmp_path: Path) -> Iterator[Way]:
    server = servers.running()
    synthetic = SyntheticSpool(tmp_path / "spool").prepare()
    recording = synthetic.good()
    synthetic.layout.shipped.mkdir(exist_ok=True)
    prefix, dsn = server.prefix(), server.database()
    at = conninfo_to_dict(dsn)
    with (
        Proxy(("127.0.0.1", server.seaweed.ports.s3), PlainFraming) as s3,
        Proxy(("127.0.0.1", server.postgres.port), PlainFraming) as postgres,
    ):
        changes = {
            "s3.bucket": BUCKET,
            "s3.region": REGION,
            "s3.endpoint_url": "http://{}:{}".format(*s3.address),
            "s3.prefix": prefix,
            "s3.keep_audio_seconds": 0,
            "spool.path": str(synthetic.layout.root),
        }
        config = write(tmp_path, *changes.items())
        (tmp_path / "s3.access_key").write_text(server.seaweed.key.access)
        (tmp_path / "s3.secret_key").write_text(server.seaweed.key.secret)
        host, port = postgres.address
        (tmp_path / "postgres.dsn").write_text(make_conninfo("", **(at | {"host": host, "port": port})))
        made = Way(synthetic, recording, config, dsn, prefix, Moments(s3, postgres, synthetic.layout.root))
        yield made
        made.moments.disarm()
        if made.running is not None and made.running.poll() is None:
            made.kill()


@contextmanager
def killed(way: Way) -> Iterator[None]:
    way.kill()
    yield
    way.start()


@contextmanager
def severed(way: Way) -> Iterator[None]:
    with way.moments.s3.severed(), way.moments.postgres.severed():
        yield


@pytest.mark.parametrize("fault", [killed, severed], ids=lambda one: one.__name__)
@pytest.mark.parametrize("phase", SHIPMENT_PHASES)
def test_whatever_happens_in_whatever_phase_it_is_stored_once_and_whole(
    way: Way, phase: str, fault: Callable[[Way], AbstractContextManager[None]], capsys: pytest.CaptureFixture[str]
) -> None:
    happening = fault(way)
    way.moments.set(phase, happening.__enter__)
    way.start()
    assert wait_until(way.moments.sprung, REACHED_SECONDS, pause_seconds=0.01), f"{phase} was not reached"
    way.moments.disarm()
    assert not wait_until(lambda: False, 0.3)
    happening.__exit__(None, None, None)
    layout = way.synthetic.layout
    done = wait_until(lambda: [one.name for one in layout.shipped.iterdir()] == [way.recording], SHIPPED_SECONDS)
    assert done, [one.name for one in layout.sealed.iterdir()]
    assert wait_until(lambda: not list(layout.audio.iterdir()), 5.0), "the sound is still here"
    assert not list(layout.sealed.iterdir())
    assert not list(layout.quarantine.iterdir())
    client = servers.running().seaweed.client()
    listed = client.list_objects_v2(Bucket=BUCKET, Prefix=f"{way.prefix}/")["Contents"]
    folder = f"{way.prefix}/2026/11/22/{way.recording}"
    assert [one["Key"] for one in listed] == [
        f"{folder}/{name}" for name in ("manifest.json", "manifest.json.sig", "seg-001.flac")
    ]
    with psycopg.connect(way.dsn) as connection:
        assert connection.execute("SELECT recording FROM recordings").fetchall() == [(way.recording,)]
        open_ones = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
        assert connection.execute(open_ones).fetchone() == (0,)
    assert verify.run(way.config, as_json=False, recording=way.recording) == GOOD, capsys.readouterr()
