"""Free ports on loopback, chosen once per world and then kept.

Only 127.0.0.1 is ever bound. Ports that are not a server's well-known one are taken from below 30000: under
the kernel's range for outgoing connections, so that no client socket can sit on them at the next start, and
low enough for SeaweedFS, which also listens on each port plus 10000.
"""

import random
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import WorldError

ADDRESS = "127.0.0.1"
LOWEST, HIGHEST = 20000, 29999
LOWEST_EPHEMERAL = 32768
SEAWEED_OFFSET = 10000


def is_free(port: int, *, udp: bool = False) -> bool:
    """Tell whether a server could bind this port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM) as probe:
        if not udp:
            # Servers set it as well: connections of an earlier run that linger in TIME_WAIT do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError:
            return False
    return True


def choose(wanted: int, taken: set[int], *, udp: bool = False, offsets: tuple[int, ...] = (0,)) -> int:
    """Return `wanted` if it is free (0: none is wanted), else any free port, and add it to `taken`.

    offsets: the distances from the port at which the same server listens too; all must be free.
    """

    def fits(port: int) -> bool:
        return port not in taken and all(is_free(port + offset, udp=udp) for offset in offsets)

    candidates = [wanted] if wanted else []
    # Also what lies an offset higher must lie below the kernel's range for outgoing connections.
    candidates += random.sample(range(LOWEST, min(HIGHEST, LOWEST_EPHEMERAL - max(offsets))), 200)
    for port in candidates:
        if fits(port):
            taken.add(port)
            return port
    raise WorldError(f"no free port between {LOWEST} and {HIGHEST} on {ADDRESS}: stop some servers and try again")


@dataclass(frozen=True, slots=True)
class AsteriskPorts:
    """`trunk_peer` and `demo_phone` are only sent to; whoever plays the outside or the house binds them."""

    trunk: int
    house: int
    trunk_peer: int
    demo_phone: int
    http: int
    ami: int
    rtp_first: int
    rtp_last: int


@dataclass(frozen=True, slots=True)
class SeaweedPorts:
    """Each is also listened on at plus 10000."""

    s3: int
    master: int
    volume: int
    filer: int
    admin: int


@dataclass(frozen=True, slots=True)
class MetricsPorts:
    """Where gate, guard and ship say how they are; 0 in worlds of before they did: nowhere."""

    gate: int = 0
    guard: int = 0
    ship: int = 0


@dataclass(frozen=True, slots=True)
class Ports:
    """Where everything of one world listens."""

    asterisk: AsteriskPorts
    seaweed: SeaweedPorts
    postgres: int
    metrics: MetricsPorts = MetricsPorts()

    @classmethod
    def choose(cls, wanted: "Ports | None") -> "Ports":
        """Take each wanted port that is free, and any free one for the others (None: for all)."""
        taken: set[int] = set()
        any_port = AsteriskPorts(0, 0, 0, 0, 0, 0, 0, 0), SeaweedPorts(0, 0, 0, 0, 0), 0
        sip, weed, postgres = (wanted.asterisk, wanted.seaweed, wanted.postgres) if wanted else any_port
        shown = wanted.metrics if wanted else MetricsPorts()

        def udp(port: int) -> int:
            return choose(port, taken, udp=True)

        def tcp(port: int) -> int:
            return choose(port, taken)

        def pair(port: int) -> int:
            return choose(port, taken, offsets=(0, SEAWEED_OFFSET))

        return cls(
            AsteriskPorts(
                trunk=udp(sip.trunk),
                house=udp(sip.house),
                trunk_peer=udp(sip.trunk_peer),
                demo_phone=udp(sip.demo_phone),
                http=tcp(sip.http),
                ami=tcp(sip.ami),
                # Shared by all worlds: Asterisk tries the next pair when one is taken.
                rtp_first=10000,
                rtp_last=19999,
            ),
            SeaweedPorts(
                s3=pair(weed.s3),
                master=pair(weed.master),
                volume=pair(weed.volume),
                filer=pair(weed.filer),
                admin=pair(weed.admin),
            ),
            postgres=tcp(postgres),
            metrics=MetricsPorts(tcp(shown.gate), tcp(shown.guard), tcp(shown.ship)),
        )

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Ports":
        """Read ports that an earlier process chose."""
        metrics = MetricsPorts(**data.get("metrics", {}))
        return cls(AsteriskPorts(**data["asterisk"]), SeaweedPorts(**data["seaweed"]), data["postgres"], metrics)


WELL_KNOWN = Ports(
    AsteriskPorts(5060, 5062, 5080, 5090, 8088, 5038, 10000, 19999),
    SeaweedPorts(s3=28333, master=29333, volume=29340, filer=28888, admin=23650),
    postgres=15432,
    metrics=MetricsPorts(9771, 9772, 9773),
)
"""What the demo takes if it is free, so that a telephone's settings stay valid."""
