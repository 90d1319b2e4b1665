"""What each one heard and what must be stored of them: told first and once, never left in silence, complete."""

import itertools
from typing import Final

import numpy as np
from canary import times_heard
from telephone import FRAME_SAMPLES
from telephone.mulaw import RATE

from .agreement import FRAME_MS
from .case import FRAME_US, Case
from .evidence import Evidence
from .stage import Leg
from .stored import EDGE_US

SAFETY_US: Final = 40_000
UNWATCHED_US: Final = 1_500_000
"""Before events become late, nobody may know that all was well: that much is not covered."""
NOT_GATED: Final = "outgoing_not_gated"
SILENT_SECONDS: Final = 2.0
"""Beyond its longest announcement, nobody hears nothing for longer."""


def judge_leg(case: Case, title: str, leg: Leg, found: list[Evidence]) -> None:
    """Judge one telephone's call."""
    _told_first(case, title, leg)
    _overheard(case, title, leg)
    _complete(case, title)
    _account(case, title, leg, found)
    _silence(case, leg)


def _told_first(case: Case, title: str, leg: Leg) -> None:
    """Who must be told hears it once, whole, and before anybody else; whose call is not recorded may hear none."""
    if leg.staff or not leg.announcements or not leg.call.answered.happened:
        return
    heard, told = leg.call.heard, case.told[title]
    if told is None:
        if leg.reasons is not None and not leg.refused:
            case.fault(f"{title}: was not told")
        return
    times = [times_heard(heard, one) for one in leg.announcements]
    once = 1 + leg.turns
    if any(one != once and not (leg.told_anew and one == once + 1) for one in times):
        case.fault(f"{title}: heard the announcements {times} times")
    until = heard.first_sample_from(told - (0 if leg.call.delay_us else FRAME_US))
    if early := case.voices.speakers(heard.pcm[:until]):
        case.secret(f"{title}: heard {early} before they were told")


def _overheard(case: Case, title: str, leg: Leg) -> None:
    """Nothing that somebody untold heard is stored, whoever said it: told by their ears alone, and to the sample."""
    if leg.staff:
        return
    heard, told = leg.call.heard, case.told[title]
    pcm = heard.pcm if told is None else heard.pcm[: heard.first_sample_from(told)]
    for name, match in case.voices.attribute(pcm).items():
        samples = np.zeros(len(case.kept[name]), dtype=np.bool_)
        for span in match.spans:
            samples[span.sent_start : span.sent_end] = True
        if (both := samples & case.kept[name]).any():
            ms = float(both.sum()) * 1000 / RATE
            case.verdict.forbidden_ms += ms
            case.secret(f"{ms:.1f} ms of {name} are stored although {title} heard them untold")


def _complete(case: Case, title: str) -> None:
    """Whoever was in a good room for longer than a capture takes to begin is stored from then on."""
    arrivals, kept = case.arrivals(title), case.kept[title].reshape(-1, FRAME_SAMPLES).all(axis=1)
    acted_at = case.stage.acted_at
    for begin, over in case.rooms.good(title):
        # A file lacks what came while Asterisk stood still, and so as much before it may not be proved.
        end = over if acted_at is None else min(over, acted_at - UNWATCHED_US - case.stage.still_us)
        inside = (arrivals >= begin + case.stage.lag_us) & (arrivals < end - SAFETY_US - EDGE_US)
        if not inside.any():
            continue
        after = np.flatnonzero(case.kept[title].reshape(-1, FRAME_SAMPLES).any(axis=1) & (arrivals >= begin - FRAME_US))
        if len(after):
            case.verdict.delays.setdefault(title, []).append((int(arrivals[after[0]]) - begin) / 1000)
        lost = inside & ~kept & case.own[title] & ~case.thrown_away(title)
        # What Asterisk says that it threw away explains nearly all of it; of 40 ms in a transfer it said nothing.
        behind = [ms for span, ms in case.behind[title] if span[0] < over and begin < span[1]]
        if int(lost.sum()) * FRAME_MS > max([EDGE_US / 1000, *behind]):
            at = (int(arrivals[np.flatnonzero(lost)[0]]) - begin) / 1000
            case.fault(
                f"{title}: {int(lost.sum()) * FRAME_MS:.0f} ms of a good room are not stored, from {at:.0f} ms on"
            )


def _account(case: Case, title: str, leg: Leg, found: list[Evidence]) -> None:
    """Every outside party has one account, and it says why what is missing is."""
    if leg.reasons is None:
        return
    uniqueid = case.stage.witness.uniqueids[case.channels[title]]
    mine = [one for one in found if one.call["channel"] == uniqueid and not one.superseded]
    # Who never came to the gate is known to it from AMI's events alone: what it never heard of, it cannot account for.
    wanted = 0 if case.stage.deaf and leg.refused == (NOT_GATED,) else 1
    if len(mine) != wanted:
        case.fault(f"{title}: {len(mine)} accounts of it, expected {wanted}")
    if len(mine) != 1:
        return
    (one,) = mine
    if case.stage.acted_at is not None and not leg.refused:
        return
    if one.recorded == bool(leg.refused) or (leg.refused and one.reason not in leg.refused):
        case.fault(f"{title}: recorded={one.recorded}, reason={one.reason}, expected {leg.refused or 'a recording'}")
    causes = tuple(said["cause"] for said in one.manifest["choices"] if said["cause"])
    if causes != leg.causes:
        case.fault(f"{title}: the causes are {causes}, expected {leg.causes}")
    reasons = iter(one.reasons)
    if not all(any(wanted == had for had in reasons) for wanted in leg.reasons):
        case.fault(f"{title}: the gaps are {one.reasons}, expected {list(leg.reasons)} among them in this order")


def _silence(case: Case, leg: Leg) -> None:
    call = leg.call
    if call.ending is None or not any(event.what == "200" for event in call.events):
        return
    answered = call.at("200")
    longest = max((len(one) / RATE for one in leg.announcements), default=case.stage.longest_announcement)
    points = np.concatenate([[answered], call.heard.arrived_at[call.heard.arrived_at > answered], [call.ending.at]])
    for begin, end in itertools.pairwise(points):
        if any(first <= end and last >= begin for first, last in leg.held):
            continue
        seconds = float(end - begin) / 1e6
        case.verdict.silence_seconds = max(case.verdict.silence_seconds, seconds)
        if seconds > longest + SILENT_SECONDS:
            case.fault(f"{leg.title}: heard nothing for {seconds:.1f} s")
