"""What is tried: who fails, how, and in which phase of a call or of a shipment. A table, and nothing else.

A *blow* is one fault of one victim. It falls once on a crowd of calls of which each is in another phase, and (where the
victim has to do with storing) once in each phase of a shipment, while a crowd talks. A *point* is a blow in a phase.
"""

from dataclasses import dataclass
from typing import Final

CALL_PHASES: Final = (
    "ringing",
    "announcement",
    "just permitted",
    "conversation",
    "hold",
    "transfer",
    "pause",
    "objection",
    "hang-up",
)
SHIPMENT_PHASES: Final = (
    "before decide",
    "after decide",
    "after first PUT",
    "after manifest",
    "after rows",
    "after finish",
)

CALL, SHIPMENT = "call", "shipment"
KILL, FREEZE, CUT, STALL, EXPIRE, STEP, FULL, READ_ONLY = (
    "kill -9",
    "SIGSTOP",
    "cut",
    "stalled",
    "credentials",
    "clock",
    "full",
    "read-only",
)
RESTART_SECONDS: Final = 0.5
"""After so long a service manager starts what has died."""


@dataclass(frozen=True, slots=True)
class Blow:
    """seconds: how long it lasts; the victim's own start and reconnection come to that.

    line: which connection, where it is one; step_seconds: by how much the clock goes wrong; standby: whether a second
    gate waits. call, shipment: whether it falls on those phases.
    """

    victim: str
    fault: str
    seconds: float
    line: str = ""
    step_seconds: float = 0.0
    standby: bool = False
    call: bool = True
    shipment: bool = False

    @property
    def how(self) -> str:
        """The fault in words, without the victim."""
        words = [self.line, self.fault]
        if self.step_seconds:
            words.append(f"{self.step_seconds:+.0f} s")
        if self.fault not in {KILL, STEP}:
            words.append(f"{self.seconds:g} s")
        if self.standby:
            words.append("beside a standby")
        return " ".join(one for one in words if one)

    @property
    def name(self) -> str:
        """Victim and fault."""
        return f"{self.victim}: {self.how}"

    def rounds(self) -> list["Round"]:
        """Return what is played of it."""
        kinds = ((CALL, self.call, CALL_PHASES), (SHIPMENT, self.shipment, SHIPMENT_PHASES))
        return [Round(self, kind, phases) for kind, wanted, phases in kinds if wanted]


@dataclass(frozen=True, slots=True)
class Round:
    """One crowd of calls, and a blow in each of these phases."""

    blow: Blow
    kind: str
    phases: tuple[str, ...]

    @property
    def name(self) -> str:
        """What it is called in the table and in what is remembered."""
        return f"{self.blow.name} [{self.kind}]"

    @property
    def points(self) -> list[tuple[str, str, str]]:
        """Victim, phase and fault of each point."""
        return [(self.blow.victim, phase, self.blow.how) for phase in self.phases]


BLOWS: Final = (
    Blow("gate", KILL, RESTART_SECONDS),
    Blow("gate", KILL, RESTART_SECONDS, standby=True),
    Blow("gate", FREEZE, 1.0),
    Blow("gate", FREEZE, 4.0),
    Blow("gate", CUT, 1.5, "AMI"),
    Blow("gate", CUT, 1.5, "ARI"),
    Blow("gate", STALL, 3.0, "AMI"),
    Blow("gate", STALL, 3.0, "ARI"),
    Blow("gate", EXPIRE, 2.0, "AMI"),
    Blow("gate", EXPIRE, 2.0, "ARI"),
    Blow("gate", STEP, 3.0, step_seconds=90.0),
    Blow("gate", STEP, 3.0, step_seconds=-90.0),
    Blow("guard", KILL, RESTART_SECONDS),
    Blow("guard", FREEZE, 3.0),
    Blow("guard", CUT, 1.5, "AMI"),
    Blow("guard", CUT, 1.5, "ARI"),
    Blow("guard", STALL, 3.0, "AMI"),
    Blow("guard", STALL, 3.0, "ARI"),
    Blow("guard", STEP, 3.0, step_seconds=90.0),
    Blow("guard", STEP, 3.0, step_seconds=-90.0),
    Blow("ship", KILL, RESTART_SECONDS, shipment=True),
    Blow("ship", FREEZE, 2.0, shipment=True),
    Blow("ship", STEP, 2.0, step_seconds=90.0, shipment=True),
    Blow("ship", STEP, 2.0, step_seconds=-90.0, shipment=True),
    Blow("Asterisk", KILL, RESTART_SECONDS),
    Blow("Asterisk", FREEZE, 1.0),
    Blow("Asterisk", FREEZE, 3.0),
    Blow("PostgreSQL", KILL, RESTART_SECONDS, shipment=True),
    Blow("PostgreSQL", FREEZE, 2.0, shipment=True),
    Blow("PostgreSQL", CUT, 1.0, "ship's connection", shipment=True),
    Blow("PostgreSQL", STALL, 2.0, "ship's connection", shipment=True),
    Blow("PostgreSQL", EXPIRE, 1.0, shipment=True),
    Blow("S3", KILL, RESTART_SECONDS, shipment=True),
    Blow("S3", FREEZE, 2.0, shipment=True),
    Blow("S3", CUT, 1.0, "ship's connection", shipment=True),
    Blow("S3", STALL, 2.0, "ship's connection", shipment=True),
    Blow("S3", EXPIRE, 1.0, shipment=True),
    Blow("disk", FULL, 2.0, shipment=True),
    Blow("disk", READ_ONLY, 2.0, shipment=True),
)

ROUNDS: Final = tuple(one for blow in BLOWS for one in blow.rounds())


def short() -> list[Round]:
    """Return what every run of the tests plays: one blow to each victim."""
    chosen = {
        ("gate", KILL, False): CALL,
        ("guard", FREEZE, False): CALL,
        ("Asterisk", KILL, False): CALL,
        ("ship", KILL, False): SHIPMENT,
        ("PostgreSQL", KILL, False): SHIPMENT,
        ("S3", CUT, False): SHIPMENT,
    }
    return [one for one in ROUNDS if chosen.get((one.blow.victim, one.blow.fault, one.blow.standby)) == one.kind]
