"""The report of `consentgate check --prompts-report`: one HTML page with everything in it.

It loads nothing, runs nothing and can be mailed: pictures are SVG in the page, its policy forbids everything else. What
comes from the configuration or from a file's name is escaped in one place, `_`.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path

from ari_app.announcements import MAX_TAIL_MS, MIN_TAIL_MS, RATE_HZ
from ari_app.config import AnnouncementChecks, Config
from ari_app.core.names import Instant
from ari_app.ear import Heard
from ari_app.errors import ConsentgateError
from ari_app.verdicts import CLEAR, COMFORTABLE_DBFS, MAX_DC_PERCENT, MAX_LEAD_MS, NOISY_DB

from .check_prompts import Prompt
from .drawings import meter, waveform
from .page_style import STYLE

_MARKS = {"good": "✓", "warning": "!", "not used": "✕"}
_CLASSES = {"good": "good", "warning": "fair", "not used": "bad"}
_BEST_INTELLIGIBILITY = 0.78
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def _(text: object) -> str:
    return escape(str(text), quote=True)


def _badge(verdict: str) -> str:
    return f'<span class="badge {_CLASSES[verdict]}"><b aria-hidden="true">{_MARKS[verdict]}</b> {verdict}</span>'


def _hint(hint: str) -> str:
    if hint.startswith("sox "):
        return f"<p>What to do:</p><pre>{_(hint)}</pre>"
    return f"<p>What to do: {_(hint)}.</p>" if hint else ""


def _findings(prompt: Prompt) -> Iterator[str]:
    refusing = [one for one in prompt.examined.remarks if one.refuses]
    if prompt.examined.problem and not refusing:
        yield _finding("not used", prompt.examined.problem.problem, prompt.examined.problem.hint)
    for remark in prompt.examined.remarks:
        yield _finding("not used" if remark.refuses else "warning", f"It {remark.problem}", remark.hint)


def _finding(verdict: str, problem: str, hint: str) -> str:
    mark = f'<b aria-hidden="true">{_MARKS[verdict]}</b>'
    return f'<li class="{_CLASSES[verdict]}">{mark}<div><p>{_(problem)}.</p>{_hint(hint)}</div></li>'


def _row(name: str, value: str, wanted: str, verdict: str, drawing: str = "") -> str:
    mark = f'<td class="state {_CLASSES[verdict]}" title="{verdict}">{_MARKS[verdict]}</td>'
    return f"<tr>{mark}<th scope=row>{name}</th><td>{value}</td><td>{drawing}</td><td class=wanted>{wanted}</td></tr>"


def _figures(prompt: Prompt, heard: Heard, checks: AnnouncementChecks) -> Iterator[str]:
    """Yield a row of the table of figures; what was remarked has its remark's verdict."""
    said = {one.figure: "not used" if one.refuses else "warning" for one in prompt.examined.remarks}
    low, high = checks.level_dbfs
    yield _row(
        "level of the speech",
        f"{heard.level_dbfs:.1f} dBFS",
        f"{low:g} to {high:g}, best {COMFORTABLE_DBFS[0]:g} to {COMFORTABLE_DBFS[1]:g}",
        said.get("level", "good"),
        meter(heard.level_dbfs, (-60, 0), COMFORTABLE_DBFS, checks.level_dbfs),
    )
    yield _row(
        "intelligibility",
        f"{heard.intelligibility:.2f}",
        f"at least {checks.min_intelligibility:g}, clear from {CLEAR:g}",
        said.get("intelligibility", "good"),
        meter(
            heard.intelligibility,
            (0, _BEST_INTELLIGIBILITY),
            (max(CLEAR, checks.min_intelligibility), _BEST_INTELLIGIBILITY),
            (checks.min_intelligibility, _BEST_INTELLIGIBILITY),
        ),
    )
    above = f"{heard.above_noise_db:.0f} dB over noise"
    yield _row(
        "clean speech", above, f"{NOISY_DB:g} dB or more", "good" if heard.above_noise_db >= NOISY_DB else "warning"
    )
    count = len(heard.clipped)
    places = f"{heard.clipped_percent:.2g} %, {count} place{'' if count == 1 else 's'}" if count else "nowhere"
    yield _row("clipped", places, f"nowhere; at most {checks.max_clipped_percent:g} %", said.get("clipping", "good"))
    tail = "good" if MIN_TAIL_MS <= heard.tail_ms <= MAX_TAIL_MS else "not used"
    yield _row("silence before", f"{heard.lead_ms} ms", f"at most {MAX_LEAD_MS} ms", said.get("lead", "good"))
    yield _row("silence after", f"{heard.tail_ms} ms", f"{MIN_TAIL_MS} to {MAX_TAIL_MS} ms", tail)
    offset = f"{heard.dc_percent:+.2f} %"
    yield _row("constant offset", offset, f"at most {MAX_DC_PERCENT:g} % of full scale", said.get("offset", "good"))
    rate = "good" if heard.rate_hz == RATE_HZ else "not used"
    yield _row("sample rate", f"{heard.rate_hz} Hz", f"{RATE_HZ} Hz", rate)


def _legend(heard: Heard) -> str:
    items = [("wave", "the sound"), ("silence", "silence before and after the speech")]
    items += [("clip", "clipped: the peaks are cut off")] if heard.clipped else []
    return "".join(f'<span><i class="{kind}"></i>{text}</span>' for kind, text in items)


def _picture(prompt: Prompt) -> str:
    if prompt.heard is None or prompt.samples is None:
        return '<p class="none">There is no sound to show.</p>'
    drawn = waveform(prompt.samples, prompt.heard, f"Waveform of {_(prompt.name)}")
    return f'<figure>{drawn}<figcaption class="legend">{_legend(prompt.heard)}</figcaption></figure>'


def _card(prompt: Prompt, checks: AnnouncementChecks) -> str:
    heard = prompt.heard
    used = _(", ".join(prompt.uses)) or "nobody: no line plays it"
    found = "".join(_findings(prompt))
    length = f"{heard.duration_ms / 1000:.1f} s · " if heard else ""
    figures = f"<table class=figures>{''.join(_figures(prompt, heard, checks))}</table>" if heard else ""
    language = _(prompt.file.language)
    return f"""
<article id="{_(prompt.name)}" class="{_CLASSES[prompt.verdict]}">
<header><h2>{_(prompt.name)}</h2>{_badge(prompt.verdict)}</header>
<p class="about">{length}language {language} · heard by {used}</p>
<blockquote lang="{language}">{_(prompt.file.text)}</blockquote>
{_picture(prompt)}
{f'<ul class="findings">{found}</ul>' if found else ""}
{figures}
<p class="file">{_(prompt.file.file)}{f"<br>SHA-256 {prompt.sha256}" if prompt.sha256 else ""}</p>
</article>"""


def _summary(prompts: Iterable[Prompt]) -> str:
    rows = []
    for prompt in prompts:
        heard = prompt.heard
        figures = (f"{heard.level_dbfs:.1f} dBFS", f"{heard.intelligibility:.2f}") if heard else ("-", "-")
        cells = f"<td>{figures[0]}</td><td>{figures[1]}</td><td>{_badge(prompt.verdict)}</td>"
        link = f'<a href="#{_(prompt.name)}">{_(prompt.name)}</a>'
        rows.append(f"<tr><th scope=row>{link}</th><td>{_(prompt.file.language)}</td>{cells}</tr>")
    heads = "".join(
        f"<th scope=col>{text}</th>" for text in ("announcement", "language", "level", "intelligibility", "")
    )
    return f"<table class=summary><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _verdict(prompts: Sequence[Prompt]) -> str:
    refused = sum(prompt.verdict == "not used" for prompt in prompts)
    warned = sum(prompt.verdict == "warning" for prompt in prompts)
    if refused:
        return f"{refused} of {len(prompts)} cannot be used: the lines that play them are not recorded."
    return f"All {len(prompts)} can be used" + (f"; {warned} could be better." if warned else ".")


def page(config: Config, prompts: Sequence[Prompt], at: Instant) -> str:
    """Return the whole page."""
    when = datetime.fromtimestamp(at / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    site = _(config.site.name)
    cards = "".join(_card(prompt, config.announcement_checks) for prompt in prompts)
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>Announcements of {site}</title>
<style>{STYLE}</style>
<main>
<header class="top">
<p class="over">consentgate check · {_(config.site.node)} · {when}</p>
<h1>What callers of {site} hear</h1>
<p class="lead">{_verdict(prompts)}</p>
</header>
{_summary(prompts)}
{cards}
<footer><p>Level: active speech level, ITU-T P.56. Intelligibility: speech intelligibility index, ANSI S3.5, in the
noise of a room with 60 dB(A): below 0.45 is poor. A file that is not used was not heard by anybody as far as the
evidence of a call goes: calls of its lines go on, unrecorded (<code>announcement_unusable</code>).</p></footer>
</main>
</html>
"""


def write(file: Path, text: str) -> None:
    """Write the page. Raises ConsentgateError with the reason."""
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConsentgateError(
            "the report cannot be written",
            on=str(file),
            why=error.strerror or "",
            hint="Name a file in your own folder.",
        ) from None
