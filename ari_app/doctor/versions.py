"""Which Asterisk this is, and which known faults of MixMonitor and its neighbours it has.

Each fault is an issue of asterisk/asterisk, or was measured by this project. Where an issue does not say in which
release it is mended, the version here is a cautious one: a warning too many costs a look, one too few a recording.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from .catalogue import Found, Grade

OLDEST: Final = (18, 3)
LONG_TERM: Final = {18: "2025-10", 20: "2027-10", 22: "2029-10"}
"""Branches with long support, and when even security fixes end."""

Version = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Fault:
    """A known fault. `since`: by branch, the first release that has it; `until`: the first that has it no more.

    A branch that is not in `since` does not have it; one that is not in `until` has it to this day. ours: it can
    harm what consentgate does itself; else only others' use of MixMonitor on the same PBX.
    """

    issue: str
    what: str
    since: dict[int, int]
    until: dict[int, int]
    ours: bool
    mend: str

    def has(self, version: Version) -> bool:
        """Tell whether a release has it."""
        branch, number = version
        begins = self.since.get(branch)
        return begins is not None and begins <= number < self.until.get(branch, 1_000_000)


KNOWN: Final = (
    Fault(
        "#233",
        "AMI MixMonitorMute on a channel without a recorder deadlocks Asterisk, which must then be killed",
        {18: 18, 20: 3},
        {18: 20, 20: 5},
        ours=False,
        mend="update; consentgate pauses by stopping and never mutes, so see that nothing else here sends it",
    ),
    Fault(
        "#1673",
        "a MixMonitor that is stopped in the instant in which it starts may crash Asterisk",
        {18: 0, 19: 0, 20: 0, 21: 0, 22: 0, 23: 0},
        {20: 18, 22: 8, 23: 2},
        ours=True,
        mend="update; consentgate stops none before its file is there, which makes it rare",
    ),
    Fault(
        "#1279, #1276",
        "recordings of both directions in one file crackle where packets are lost or the two sides' codecs differ",
        {20: 12, 21: 7, 22: 2},
        {20: 16, 22: 6},
        ours=False,
        mend="update; consentgate records one direction a file, so what it stores is not concerned",
    ),
    Fault(
        "#1269, #1779",
        "stereo recordings by the option D are garbage between codecs of different rates",
        {20: 0, 21: 0, 22: 0, 23: 0},
        {20: 21, 22: 11, 23: 5},
        ours=False,
        mend="use none of them; consentgate has a channel a party without D",
    ),
    Fault(
        "measured",
        "t(), what a party hears, may fall silent after an attended transfer by feature code (11 of 27 runs on 22.10)",
        {18: 0, 20: 0, 21: 0, 22: 0, 23: 0},
        {},
        ours=False,
        mend="consentgate never uses t(); a recorder of another kind on this PBX may lose a side",
    ),
    Fault(
        "#1985",
        "a call that ends in the midst of being set up may crash Asterisk in res_pjsip_session",
        {22: 9},
        {},
        ours=False,
        mend="keep Asterisk under a supervisor that starts it at once; see the issue for the release that mends it",
    ),
)


def parse(text: str) -> Version | None:
    """Return branch and release of what Asterisk says about itself; None for a build from source control."""
    found = re.search(r"(?<![\d.])(\d{1,3})\.(\d{1,4})", text)
    return (int(found[1]), int(found[2])) if found else None


def judge(text: str) -> Iterator[Found]:
    """Yield what is known about an Asterisk that calls itself so."""
    version, subject = parse(text), f"Asterisk {text}"[:60]
    if version is None:
        why = "its age is not known, so neither are its faults"
        yield Found("asterisk-version", subject, "a build without a number", Grade.UNKNOWN, why, "install a release")
        return
    if version < OLDEST:
        why = "consentgate needs what Asterisk has since 18.3"
        yield Found("asterisk-version", subject, "too old", Grade.WRONG, why, "update, best to 22")
        return
    if version[0] not in LONG_TERM:
        why = "a branch without long support gets no fixes after its second year"
        mend = "use a long-term branch: 22, or 20"
        yield Found("asterisk-version", subject, "is not a branch with long support", Grade.WARNING, why, mend)
    else:
        seen = f"a branch with long support (fixes until {LONG_TERM[version[0]]})"
        yield Found("asterisk-version", subject, seen)
    for fault in KNOWN:
        if fault.has(version):
            grade = Grade.WARNING if fault.ours else Grade.GOOD
            concerned = "" if fault.ours else "; consentgate itself is not concerned"
            yield Found("asterisk-fault", subject, f"{fault.issue}: {fault.what}{concerned}", grade, *_words(fault))


def _words(fault: Fault) -> tuple[str, str]:
    why = "a call or a recording may be lost by it" if fault.ours else "it concerns other users of MixMonitor"
    return why, fault.mend
