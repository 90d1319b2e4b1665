"""`consentgate check --prompts`: what is shown of each announcement, on a terminal and as a page."""

import re
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from rich.console import Console
from unit.config_world import write, write_wav
from unit.spoiled import at_level, clipped, noisy, pcm, spoken

from ari_app import config
from ari_app.commands import check, check_prompts
from ari_app.commands.drawings import envelope, meter, waveform
from ari_app.ear import hear
from ari_app.errors import CONFIGURATION, GOOD, ConsentgateError

GOLDEN = Path(__file__).parent / "golden" / "prompts.txt"
SVG = "{http://www.w3.org/2000/svg}"
TEXT = 'Hello <b>"you" & me</b>'
Shown = Callable[[], str]


def site(folder: Path, **samples: np.ndarray) -> Path:
    """A configuration whose announcements have these sounds; `advice-line` plays the first of them."""
    changes: list[tuple[str, object]] = []
    for name, sound in samples.items():
        write_wav(folder / f"{name}.wav", pcm(sound))
        changes.append((f"announcements.{name}", {"file": f"{name}.wav", "language": "en", "text": TEXT}))
    first = next(iter(samples))
    return write(folder, *changes, ("announcements.advice-en", None), ("lines.advice-line.announcements", [first]))


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Shown:
    return lambda: capsys.readouterr().out


def test_the_table_and_the_findings_are_as_they_were(tmp_path: Path, shown: Shown) -> None:
    sound = spoken("advice-en")
    file = site(
        tmp_path,
        noisy=noisy(sound, 5),
        good=sound,
        warm=clipped(sound, 8),
        hot=clipped(sound, 20),
        late=np.concatenate([np.zeros(12_000), sound]),
        short=sound[:-4000],
    )
    text = file.read_text().replace("  good:", "  gone:\n    file: gone.wav\n    language: en\n    text: x\n  good:")
    file.write_text(text)
    assert check.run(file, prompts=True) == CONFIGURATION
    lines = [line.rstrip() for line in shown().replace(str(tmp_path), "/etc/consentgate").splitlines()]
    assert lines == GOLDEN.read_text(encoding="utf-8").splitlines()


def test_warnings_alone_are_good(tmp_path: Path, shown: Shown) -> None:
    file = site(tmp_path, quiet=at_level(spoken("advice-en"), -33))
    assert check.run(file, prompts=True) == GOOD
    said = shown()
    assert "warn announcement quiet: is rather quiet" in said
    assert "Nothing to mend. Warnings: 1. Only the announcements were looked at." in said


def test_the_whole_check_warns_as_well(tmp_path: Path, shown: Shown) -> None:
    file = site(tmp_path, quiet=at_level(spoken("advice-en"), -33))
    check.run(file, offline=True)
    said = shown()
    assert "warn announcement quiet: is rather quiet" in said
    assert "callers: told, then recorded" in said


def test_a_configuration_without_announcements(tmp_path: Path, shown: Shown) -> None:
    file = write(tmp_path, ("announcements", {}), ("lines.advice-line", None))
    assert check.run(file, prompts=True, prompts_report=tmp_path / "x.html") == GOOD
    assert "Everything is good. Only the announcements were looked at." in shown()
    assert "All 0 can be used." in (tmp_path / "x.html").read_text()


def test_a_terminal_without_unicode_is_drawn_for_too(tmp_path: Path) -> None:
    loaded = config.load(site(tmp_path, hot=clipped(spoken("calling-en"), 20)), {})
    console = Console(width=80, record=True, highlight=False)
    console.print(check_prompts.table(loaded, check_prompts.look(loaded), 80, plain=True))
    assert re.search(r"[_.:=+*#-]{24}", console.export_text())
    assert not re.search("[▁-█]", console.export_text())


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        ({"rate": 16000}, (16000, True)),
        ({"channels": 2}, (8000, True)),
        (b"RIFF but no more", None),
        (b"", None),
    ],
    ids=["16 kHz", "stereo", "no sound", "empty"],
)
def test_what_cannot_be_played_is_shown_if_it_can_be_read(
    tmp_path: Path, content: dict[str, int] | bytes, seen: tuple[int, bool] | None
) -> None:
    file = site(tmp_path, odd=spoken("shortest-en"))
    if isinstance(content, bytes):
        (tmp_path / "odd.wav").write_bytes(content)
    else:
        write_wav(tmp_path / "odd.wav", pcm(spoken("shortest-en")), **content)
    (prompt,) = check_prompts.look(config.load(file, {}))
    assert prompt.verdict == "not used"
    assert (prompt.heard and (prompt.heard.rate_hz, prompt.samples is not None)) == seen
    check.run(file, prompts_report=tmp_path / "x.html")
    assert ("There is no sound to show." in (tmp_path / "x.html").read_text()) is (seen is None)


def test_what_a_key_promises_is_used_by_its_line(tmp_path: Path) -> None:
    said = {"file": "x.wav", "language": "en", "text": "x"}
    rules = {
        "mode": "announce_opt_out",
        "announcements": ["advice-en"],
        "opt_out_key": "9",
        "confirmation": ["declined"],
        "outgoing_announcements": ["calling"],
    }
    names = ("declined", "calling")
    file = write(tmp_path, *((f"announcements.{one}", said) for one in names), ("lines.advice-line", rules))
    loaded = config.load(file, {})
    assert check_prompts.uses(loaded, "declined") == ("callers of advice-line", "called by advice-line")
    assert check_prompts.uses(loaded, "advice-en") == ("callers of advice-line",)
    assert check_prompts.uses(loaded, "calling") == ("called by advice-line",)


class TestPage:
    def page(self, folder: Path, **samples: np.ndarray) -> str:
        check.run(site(folder, **samples), prompts_report=folder / "x.html")
        return (folder / "x.html").read_text(encoding="utf-8")

    def test_it_needs_nothing_else_and_runs_nothing(self, tmp_path: Path) -> None:
        page = self.page(tmp_path, good=spoken("calling-en"))
        assert "default-src 'none'" in page
        assert not re.search(r"<script|<img|<link|src=|url\(|@import|javascript:| on\w+=", page)
        assert set(re.findall(r"https?://[^\"' ]+", page)) == {"http://www.w3.org/2000/svg"}

    def test_texts_of_the_configuration_are_texts(self, tmp_path: Path) -> None:
        page = self.page(tmp_path, good=spoken("calling-en"))
        assert "<b>&quot;" not in page
        assert "Hello &lt;b&gt;&quot;you&quot; &amp; me&lt;/b&gt;" in page

    def test_each_announcement_says_what_to_do(self, tmp_path: Path) -> None:
        page = self.page(tmp_path, hot=clipped(spoken("calling-en"), 20), good=spoken("calling-en"))
        assert "1 of 2 cannot be used: the lines that play them are not recorded." in page
        hot, good = re.findall(r"<article id=.*?</article>", page, re.DOTALL)
        for text in ("not used", "It is clipped in 486 places", "record it again with less gain"):
            assert text in hot
        assert "<pre>" not in hot
        assert "heard by callers of advice-line" in hot
        assert "What to do" not in good
        assert "nobody: no line plays it" in good
        assert hot.count("<tr>") == good.count("<tr>") == 8

    def test_a_file_that_cannot_be_written(self, tmp_path: Path) -> None:
        file = site(tmp_path, good=spoken("calling-en"))
        with pytest.raises(ConsentgateError, match=r"the report cannot be written .*No such file or directory"):
            check.run(file, prompts_report=tmp_path / "nowhere" / "x.html")


class TestWaveform:
    def drawn(self, samples: np.ndarray) -> ET.Element:
        return ET.fromstring(waveform(samples, hear(samples, 8000), "A title"))  # noqa: S314 - our own

    def kinds(self, drawn: ET.Element) -> list[str]:
        return [one.get("class", "") for one in drawn.iter() if one.get("class")]

    def test_it_marks_silence_clipping_and_the_end_of_speech(self) -> None:
        samples = np.concatenate([np.zeros(4000), clipped(spoken("calling-en"), 10)])
        kinds = self.kinds(self.drawn(samples))
        assert kinds.count("silence") == 2
        # 65 places, some of them in one column of the picture.
        assert 10 < kinds.count("clip") == kinds.count("mark") < 65
        assert (kinds.count("wave"), kinds.count("end")) == (1, 1)

    def test_the_end_of_speech_is_where_it_was_measured(self) -> None:
        samples = spoken("calling-en")
        heard = hear(samples, 8000)
        (end,) = [one for one in self.drawn(samples).iter() if one.get("class") == "end"]
        x = float((end.get("d") or "").removeprefix("M").split()[0])
        assert x == pytest.approx(heard.spoken_end_ms / heard.duration_ms * 960, abs=0.1)
        assert f"speech ends {heard.spoken_end_ms / 1000:.2f} s<" in waveform(samples, heard, "x")

    @pytest.mark.parametrize("count", [1, 2, 479, 480, 481, 1_440_000])
    def test_any_length_stays_within_the_picture(self, count: int) -> None:
        samples = np.sin(np.arange(count) / 5) * 0.9
        drawn = self.drawn(samples)
        (wave,) = list(drawn.iter(f"{SVG}polygon"))
        places = [tuple(map(float, one.split(","))) for one in (wave.get("points") or "").split()]
        assert all(0 <= x <= 960 and 24 <= y <= 156 for x, y in places)
        assert len(places) == 2 * min(count, 480)
        for text in drawn.iter(f"{SVG}text"):
            assert 0 <= float(text.get("x") or -1) <= 960

    def test_a_column_keeps_its_extremes(self) -> None:
        samples = np.zeros(10_000)
        samples[5001], samples[7003] = 0.9, -0.8
        low, high = envelope(samples, 100)
        assert (float(high.max()), int(high.argmax())) == (0.9, 50)
        assert (float(low.min()), int(low.argmin())) == (-0.8, 70)

    @pytest.mark.parametrize(("value", "x"), [(-60, 4), (-30, 104), (0, 204), (-100, 4), (9, 204)])
    def test_a_needle_stays_on_its_scale(self, value: float, x: float) -> None:
        assert f"M{x} 2v14" in meter(value, (-60, 0), (-30, -15), (-36, -10))
