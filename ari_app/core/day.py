"""A day in figures: each call that is over counted once, by what became of it, with what is to be looked at.

The sum closes: calls = recorded + not recorded by policy + not recorded with a reason + unexplained. Memory does not
grow with the day: what is told one by one is told up to `MOST` and then only counted.
"""

from dataclasses import dataclass, field

from .accounts import Account
from .assurance import Fault, Finding, Group, Judged
from .names import MICROSECONDS, Instant
from .reasons import Reason
from .words import OTHER_CONTEXT, UNKNOWN, WORDS

MOST = 500
"""So many exceptions and findings are told one by one; a sheet with more is read by nobody."""

HOURS = 24
_HOUR = 3600 * MICROSECONDS


@dataclass(frozen=True, slots=True)
class Unrecorded:
    """A call that should have been recorded and was not. `why`: in words."""

    at: Instant
    line: str
    why: str
    explained: bool


@dataclass(frozen=True, slots=True)
class Oldest:
    """What has waited the longest to be stored."""

    ended: Instant
    recording: str
    line: str


def _nothing() -> dict[Group, int]:
    return dict.fromkeys(Group, 0)


@dataclass(slots=True)
class Day:
    """What `add` was given. `hours`: the same figures by the hour (UTC) in which each call began."""

    calls: int = 0
    running: int = 0
    waiting: int = 0
    groups: dict[Group, int] = field(default_factory=_nothing)
    hours: list[dict[Group, int]] = field(default_factory=lambda: [_nothing() for _ in range(HOURS)])
    reasons: dict[str, int] = field(default_factory=dict)
    faults: dict[Fault, int] = field(default_factory=dict)
    unrecorded: list[Unrecorded] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    oldest: Oldest | None = None

    @property
    def expected(self) -> int:
        """How many calls should have been recorded."""
        return self.calls - self.groups[Group.BY_POLICY]

    @property
    def found(self) -> int:
        """How many findings there are, told one by one or not."""
        return sum(self.faults.values())

    def add(self, judged: Judged) -> None:
        """Count a call."""
        for finding in judged.findings:
            self.loose(finding)
        for account in judged.waiting:
            self._waits(account)
        if judged.group is None:
            self.running += 1
            return
        self.calls += 1
        self.groups[judged.group] += 1
        self.hours[judged.call.at // _HOUR % HOURS][judged.group] += 1
        if judged.group is not Group.RECORDED:
            self._not_recorded(judged, judged.group)

    def _not_recorded(self, judged: Judged, group: Group) -> None:
        why = words(judged.reason, group)
        self.reasons[why] = self.reasons.get(why, 0) + 1
        if group is not Group.BY_POLICY and len(self.unrecorded) < MOST:
            explained = group is Group.WITH_REASON
            self.unrecorded.append(Unrecorded(judged.call.at, judged.call.line, why, explained))

    def loose(self, finding: Finding) -> None:
        """Count something that is wrong, with a call or with none."""
        self.faults[finding.fault] = self.faults.get(finding.fault, 0) + 1
        if len(self.findings) < MOST:
            self.findings.append(finding)

    def _waits(self, account: Account) -> None:
        self.earlier(1, Oldest(account.ended, account.recording, account.line))

    def earlier(self, count: int, oldest: Oldest) -> None:
        """Count what waits of other days as well, with the oldest of it."""
        self.waiting += count
        if self.oldest is None or oldest.ended < self.oldest.ended:
            self.oldest = oldest


def words(reason: Reason | None, group: Group) -> str:
    """Return why a call was not recorded, as one says it on a ward."""
    if reason is not None:
        return WORDS[reason]
    return OTHER_CONTEXT if group is Group.BY_POLICY else UNKNOWN
