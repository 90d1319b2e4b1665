"""What is so, whatever the core believes: of one recording, and of each of its captures."""

from dataclasses import dataclass

from ari_app.core.names import PartyId


@dataclass(frozen=True, slots=True)
class Machine:
    """What was asked of Asterisk and the journal for one capture, and what came of it.

    `asked`: a start without an answer: `ordered`, then `yes`, `no` or `lost` (it runs, and its answer is lost).
    `stops`: stops without an answer, by the monitor's id (True) or by the file.
    """

    attesting: bool = False
    durable: bool = False
    asked: str = ""
    runs: bool = False
    file: bool = False
    stops: frozenset[bool] = frozenset()

    @property
    def waits(self) -> bool:
        """Whether an answer is still to come."""
        return self.attesting or bool(self.asked) or bool(self.stops)


@dataclass(frozen=True, slots=True)
class Truth:
    """What is so, whatever the core believes.

    `understands`: whoever is on the owner's channel objected themselves; `objected`: somebody did there; `marked`: the
    channel says so, which nobody here heard. `here`: the owner is in our Stasis; `ending`: they are hanging up.
    `spoilt`: what they hear now is not the whole announcement. `conversed`: they have been with somebody while a permit
    held.

    By the journal: it is `opened`; the permit in force names the `named`, and did name those who `left`; the `proven`
    were told; anybody was `captured`; it is `explained` why nothing is recorded now; the owner `protested`. `begun`: so
    many permits there were of late. `lit`: the lamps.
    """

    here: bool = False
    ending: bool = False
    told: bool = False
    spoilt: bool = False
    objected: bool = False
    understands: bool = False
    marked: bool = False
    paused: bool = False
    gone: bool = False
    conversed: bool = False
    opened: bool = False
    named: frozenset[PartyId] | None = None
    left: frozenset[PartyId] = frozenset()
    proven: frozenset[PartyId] = frozenset()
    captured: bool = False
    explained: bool = False
    protested: bool = False
    begun: int = 0
    lit: frozenset[str] = frozenset()


NOTHING_YET = Truth()
