"""Which figures refuse an announcement: the good ones have no remark, each spoiled copy has the one that it should."""

from pathlib import Path

import numpy as np
import pytest
from unit.config_world import write, write_wav
from unit.spoiled import NAMES, RATE_HZ, at_level, clipped, low_passed, noisy, pcm, spoken

from ari_app import announcements, config, policy
from ari_app.announcements import Examined, Problem, examine
from ari_app.config import AnnouncementChecks
from ari_app.core.policy import Announcement
from ari_app.ear import FULL_SCALE, Samples, hear
from ari_app.layout import Layout
from ari_app.verdicts import Remark, judge

DEFAULTS = AnnouncementChecks()
SPOILED = {
    "noise": lambda sound: noisy(sound, 5),
    "dull": lambda sound: low_passed(sound, 1000),
    "clipped": lambda sound: clipped(sound, 20),
    "quiet": lambda sound: at_level(sound, -40),
}


def remarks(samples: Samples, checks: AnnouncementChecks = DEFAULTS) -> dict[str, Remark]:
    return {one.figure: one for one in judge(hear(pcm(samples) / FULL_SCALE, RATE_HZ), checks, "x y.wav")}


def refused_for(samples: Samples) -> set[str]:
    return {figure for figure, remark in remarks(samples).items() if remark.refuses}


@pytest.mark.parametrize("name", NAMES)
def test_a_good_announcement_has_no_remark(name: str) -> None:
    assert remarks(spoken(name)) == {}
    assert remarks(at_level(spoken(name), -26)) == {}


@pytest.mark.parametrize("name", NAMES)
def test_each_spoiled_copy_is_refused_for_what_is_wrong_with_it(name: str) -> None:
    found = {kind: refused_for(spoil(spoken(name))) for kind, spoil in SPOILED.items()}
    assert found == {
        "noise": {"intelligibility"},
        "dull": {"intelligibility"},
        "clipped": {"clipping", "level"},
        "quiet": {"level", "intelligibility"},
    }


@pytest.mark.parametrize(
    ("samples", "figure", "problem", "hint"),
    [
        (at_level(spoken("advice-en"), -33), "level", "rather quiet", "sox 'x y.wav' new.wav gain -l +11"),
        (clipped(spoken("advice-en"), 8), "level", "rather loud", "sox 'x y.wav' new.wav gain -8"),
        (clipped(spoken("advice-en"), 8), "clipping", "is clipped in 27 places: 0.23 % of it", "record it again"),
        (noisy(spoken("advice-en"), 11), "intelligibility", "only 12 dB above its own noise", "a quiet room"),
        (low_passed(spoken("advice-en"), 2000), "intelligibility", "its high tones are missing", "convert it anew"),
        (at_level(spoken("advice-en"), -36), "intelligibility", "lost in the noise of the room", "raise its level"),
        (np.concatenate([np.zeros(12_000), spoken("advice-en")]), "lead", "begins with 1.5 s of", "trim 1.30"),
        (spoken("advice-en") * 0.7 - 0.02, "offset", "constant offset of -1.9 %", "highpass 100"),
    ],
    ids=["quiet", "loud", "clipped", "noise", "dull", "lost", "late", "offset"],
)
def test_what_only_could_be_better_is_a_warning(samples: Samples, figure: str, problem: str, hint: str) -> None:
    found = remarks(samples)[figure]
    assert (found.refuses, problem in found.problem, hint in found.hint) == (False, True, True), found


def test_what_is_refused_says_the_limit_and_comes_first() -> None:
    sound = np.concatenate([np.zeros(12_000), clipped(spoken("advice-en"), 20)])
    found = list(remarks(sound).values())
    assert [one.figure for one in found] == ["clipping", "level", "lead"]
    assert "at most 5 is allowed" in found[0].problem
    assert "at most -10 is allowed" in found[1].problem
    assert "at least -36 is allowed" in remarks(at_level(spoken("advice-en"), -40))["level"].problem
    assert "at least 0.55 is needed" in remarks(noisy(spoken("advice-en"), 5))["intelligibility"].problem


def test_one_place_is_one_place() -> None:
    sound = spoken("advice-en").copy()
    sound[1000:1003] = 32767 / 32768
    assert remarks(sound)["clipping"].problem.startswith("is clipped in 1 place: ")


@pytest.mark.parametrize(
    ("sound", "setting"),
    [
        (noisy(spoken("advice-en"), 5), {"min_intelligibility": 0.5}),
        (clipped(spoken("advice-en"), 20), {"max_clipped_percent": 12.0, "level_dbfs": [-36, -5]}),
        (at_level(spoken("advice-en"), -40), {"level_dbfs": [-45, -10], "min_intelligibility": 0.4}),
    ],
    ids=["noise", "clipped", "quiet"],
)
def test_the_site_decides(sound: Samples, setting: dict[str, object]) -> None:
    assert refused_for(sound)
    assert not any(one.refuses for one in remarks(sound, AnnouncementChecks.model_validate(setting)).values())


def test_a_site_may_ask_for_more() -> None:
    strict = AnnouncementChecks(level_dbfs=[-20, -10], min_intelligibility=0.75)  # type: ignore[arg-type]
    assert [one.figure for one in remarks(at_level(spoken("advice-en"), -24), strict).values()] == ["level"]
    assert remarks(noisy(spoken("advice-en"), 15), strict)["intelligibility"].refuses


def examined(folder: Path, samples: Samples) -> Examined:
    return examine(write_wav(folder / "advice-en.wav", pcm(samples)), DEFAULTS)


def test_a_refused_file_is_a_problem_with_all_that_it_is_refused_for(tmp_path: Path) -> None:
    found = examined(tmp_path, at_level(spoken("advice-en"), -40))
    assert found.heard is not None
    assert found.problem is not None
    assert found.problem.problem.startswith(f"{tmp_path}/advice-en.wav is too quiet: its speech has -40.0 dBFS")
    assert ", and is not understood well enough: " in found.problem.problem
    assert found.problem.hint == f"sox {tmp_path}/advice-en.wav new.wav gain -l +18"


def test_a_warning_is_no_problem(tmp_path: Path) -> None:
    found = examined(tmp_path, at_level(spoken("advice-en"), -33))
    assert found.problem is None
    assert [one.figure for one in found.remarks] == ["level"]


@pytest.mark.parametrize("kind", SPOILED)
def test_the_line_of_a_spoiled_announcement_is_not_recorded(tmp_path: Path, kind: str) -> None:
    loaded = config.load(write(tmp_path), {})
    examined(tmp_path, SPOILED[kind](spoken("advice-en")))
    layout = Layout(tmp_path / "spool")
    prepared = announcements.prepare(loaded, layout)
    assert isinstance(prepared["advice-en"], Problem)
    line = policy.compile(loaded, prepared).lines["advice-line"]
    assert line.announcements == ()
    assert line.unusable == str(prepared["advice-en"])
    # What nobody could understand is not copied to where Asterisk plays from.
    assert list(layout.announcements.iterdir()) == []


def test_a_good_one_is_prepared(tmp_path: Path) -> None:
    examined(tmp_path, spoken("advice-en"))
    prepared = announcements.prepare(config.load(write(tmp_path), {}), Layout(tmp_path / "spool"))["advice-en"]
    assert isinstance(prepared, Announcement)
    assert prepared.spoken_end_ms == 5520


@pytest.mark.parametrize(
    "wrong", [[-36], [-36, -10, 0], [-10, -36], [-36, True], ["-36", -10], "-36", [-61, -10], [-9, 1]]
)
def test_a_range_that_is_none_is_refused(tmp_path: Path, wrong: object) -> None:
    with pytest.raises(config.InvalidConfigurationError, match=r"announcement_checks\.level_dbfs: must be two levels"):
        config.load(write(tmp_path, ("announcement_checks.level_dbfs", wrong)), {})
