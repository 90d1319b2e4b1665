"""What the figures of an announcement mean for the caller, and what to do about each.

A remark refuses the file only where the caller could not have understood it: then nobody was told, whatever was
played. Everything else is a warning, because a prompt that is merely ugly has told them.

The defaults were set with the demo's announcements and copies of them that were spoiled on purpose
(`tests/unit/test_verdicts.py`). The good ones have -20 to -23 dBFS, nothing clipped and an intelligibility above 0.74.
Refused are: noise at 5 dB below the speech, nothing above 1 kHz, 20 dB too loud into the ceiling, -40 dBFS.
"""

from dataclasses import dataclass, replace
from shlex import quote
from typing import Final

from .config import AnnouncementChecks
from .ear import Heard

TARGET_DBFS: Final = -22.0
COMFORTABLE_DBFS: Final = (-30.0, -15.0)
"""Around the nominal -26 dBFS of telephone speech (ITU-T G.191, P.56) and what prompts are usually made with."""
CLEAR: Final = 0.65
"""Below this there is noise or dullness that everybody notices."""
MAX_LEAD_MS: Final = 1000
"""A second of nothing after the answer, and people say hello, or hang up."""
MAX_DC_PERCENT: Final = 1.0
NOISY_DB: Final = 20.0


@dataclass(frozen=True, slots=True)
class Remark:
    """One finding: of which figure, what is wrong, what to do, and whether the file is refused for it."""

    figure: str
    problem: str
    hint: str
    refuses: bool = False


def _level(heard: Heard, checks: AnnouncementChecks, name: str) -> Remark | None:
    level, (low, high) = heard.level_dbfs, checks.level_dbfs
    refuses = not low <= level <= high
    least, most = max(low, COMFORTABLE_DBFS[0]), min(high, COMFORTABLE_DBFS[1])
    if not refuses and least <= level <= most:
        return None
    word = "quiet" if level < least else "loud"
    bound = (low if word == "quiet" else high) if refuses else (least if word == "quiet" else most)
    wanted = f"{'at least' if word == 'quiet' else 'at most'} {bound:g} is {'allowed' if refuses else 'comfortable'}"
    found = f"is {'too' if refuses else 'rather'} {word}: its speech has {level:.1f} dBFS, {wanted}"
    # -l: a limiter, so that what is raised does not run into the ceiling.
    gain = TARGET_DBFS - level
    return Remark("level", found, f"sox {quote(name)} new.wav gain {'-l ' if gain > 0 else ''}{gain:+.0f}", refuses)


def _clipping(heard: Heard, checks: AnnouncementChecks) -> Remark | None:
    if not heard.clipped:
        return None
    places = "1 place" if len(heard.clipped) == 1 else f"{len(heard.clipped)} places"
    hint = "record it again with less gain: what was cut off cannot be brought back"
    refuses = heard.clipped_percent > checks.max_clipped_percent
    limit = f", at most {checks.max_clipped_percent:g} is allowed" if refuses else ""
    return Remark("clipping", f"is clipped in {places}: {heard.clipped_percent:.2g} % of it{limit}", hint, refuses)


def _intelligibility(heard: Heard, checks: AnnouncementChecks) -> Remark | None:
    refuses = heard.intelligibility < checks.min_intelligibility
    least = checks.min_intelligibility if refuses else max(CLEAR, checks.min_intelligibility)
    if heard.intelligibility >= least:
        return None
    wanted = f"at least {least:g} is {'needed' if refuses else 'clear'}"
    found = f"is not {'understood well enough' if refuses else 'quite clear'}: {heard.intelligibility:.2f}, {wanted}"
    if heard.above_noise_db < NOISY_DB:
        why = f"its speech is only {max(heard.above_noise_db, 0):.0f} dB above its own noise"
        hint = "record it again in a quiet room: noise that is in a recording can hardly be taken out"
    elif heard.level_dbfs < COMFORTABLE_DBFS[0]:
        why, hint = "it is lost in the noise of the room in which it is heard", "raise its level"
    else:
        why, hint = "its high tones are missing", "record it again, or convert it anew from the original recording"
    return Remark("intelligibility", f"{found}; {why}", hint, refuses)


def _lead(heard: Heard, name: str) -> Remark | None:
    if heard.lead_ms <= MAX_LEAD_MS:
        return None
    found = f"begins with {heard.lead_ms / 1000:.1f} s of silence, in which callers speak or hang up"
    return Remark("lead", found, f"sox {quote(name)} new.wav trim {(heard.lead_ms - 200) / 1000:.2f}")


def _offset(heard: Heard, name: str) -> Remark | None:
    if abs(heard.dc_percent) <= MAX_DC_PERCENT:
        return None
    found = f"has a constant offset of {heard.dc_percent:+.1f} % of full scale, heard as a click at both ends"
    return Remark("offset", found, f"sox {quote(name)} new.wav highpass 100")


def judge(heard: Heard, checks: AnnouncementChecks, name: str) -> tuple[Remark, ...]:
    """Return what is to be said about a file, what it is refused for first. `name` stands in the hints."""
    clipping, level = _clipping(heard, checks), _level(heard, checks, name)
    if clipping and level and clipping.refuses:
        # Turned down, it would have the right level and be as clipped as before.
        level = replace(level, hint=clipping.hint)
    found = (clipping, level, _intelligibility(heard, checks), _lead(heard, name), _offset(heard, name))
    return tuple(sorted((one for one in found if one is not None), key=lambda remark: not remark.refuses))
