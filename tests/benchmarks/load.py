"""SIPp as the outside world: so many new calls a second, each staying until the PBX hangs up."""

import csv
import os
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from demo_world.ports import ADDRESS, choose
from demo_world.processes import MARK
from demo_world.programs import Program

SCENARIO = Path(__file__).with_name("uac.xml")
LONGEST_CALL_SECONDS = 100


@dataclass(frozen=True, slots=True)
class Placed:
    """What SIPp counted."""

    calls: int
    successful: int
    failed: int
    retransmissions: int
    said: str
    """Its complaints, for whoever has to find out why."""


class Load:
    """One running SIPp."""

    def __init__(self, sipp: Program, target: str, number: str, scratch: Path, *, rate: int, calls: int) -> None:
        """Begin to call `number` at `target` (host:port), `rate` times a second, `calls` times in all."""
        self._calls = calls
        # Bound and never read: the kernel drops what does not fit. No ICMP error comes back, and SIPp is not woken.
        self._sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._sink.bind((ADDRESS, 0))
        port = choose(0, set(), udp=True)
        self._statistics = scratch / f"sipp-{port}.csv"
        self._errors = scratch / f"sipp-{port}.err"
        self._output = scratch / f"sipp-{port}.out"
        arguments = [
            *(target, "-sf", SCENARIO, "-s", number, "-i", ADDRESS, "-p", port, "-key", "sink_port", self._port),
            *("-r", rate, "-m", calls, "-l", calls, "-nostdin", "-timeout", f"{LONGEST_CALL_SECONDS}s"),
            *("-trace_stat", "-stf", self._statistics, "-fd", "600", "-trace_err", "-error_file", self._errors),
        ]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [*sipp.command, *map(str, arguments)],
                env={**os.environ, **sipp.env, "TERM": "dumb", MARK: str(scratch.parent)},
                cwd=scratch,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    @property
    def _port(self) -> int:
        port: int = self._sink.getsockname()[1]
        return port

    @property
    def running(self) -> bool:
        """Whether it still has calls to place or to end."""
        return self._process.poll() is None

    def wait(self) -> Placed:
        """Wait until all calls are over."""
        try:
            self._process.wait(timeout=LONGEST_CALL_SECONDS + 10)
        except subprocess.TimeoutExpired:
            self.kill()
        self._sink.close()
        try:
            with self._statistics.open(encoding="utf-8") as file:
                last = list(csv.DictReader(file, delimiter=";"))[-1]
        except (OSError, IndexError):
            return Placed(0, 0, self._calls, 0, self._said())
        placed, good = int(last["TotalCallCreated"]), int(last["SuccessfulCall(C)"])
        # A call that was never placed, or of which SIPp knows no end, has not succeeded either.
        return Placed(placed, good, self._calls - good, int(last["Retransmissions(C)"]), self._said())

    def kill(self) -> None:
        """End it at once."""
        if self.running:
            self._process.kill()
            self._process.wait()

    def _said(self) -> str:
        text = ""
        for path in (self._errors, self._output):
            if path.exists():
                text += path.read_text(encoding="utf-8", errors="replace")[-1500:]
        return text
