"""The daily sheet as one HTML page: it loads nothing, runs nothing, prints on paper and can be read aloud.

What comes from a configuration or a bucket is escaped in one place, `_`. Nothing is said by colour alone: the parts of
a bar differ in pattern and brightness, and the same figures stand in a table below the picture.
"""

from collections.abc import Iterator
from html import escape
from typing import Final

from ari_app.core import names
from ari_app.core.assurance import Group
from ari_app.core.day import HOURS, Day

from .page_style import STYLE
from .sheet import GROUPS, MEANS, Sheet, about, printable, stamp, unknown

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_CLASSES: Final = {
    Group.RECORDED: "recorded",
    Group.BY_POLICY: "policy",
    Group.WITH_REASON: "reason",
    Group.UNEXPLAINED: "unexplained",
}
_MARKS: Final = {"good": "✓", "fair": "!", "bad": "✕"}
_WIDTH, _TOP, _BOTTOM, _LEFT = 960, 16, 216, 44
_STEP = (_WIDTH - _LEFT) / HOURS
_STYLE: Final = """
.recorded{fill:var(--wave)}
.policy{fill:var(--silence)}
.reason{fill:url(#reason)}
.unexplained{fill:var(--clip)}
.hatch{stroke:var(--fair);stroke-width:3}
.under{fill:var(--fair-bg)}
svg.hours{display:block;width:100%;height:auto}
svg.key{width:.9rem;height:.9rem;margin-right:.4rem;vertical-align:-.1rem}
.n{text-align:right}
section{margin:0 0 2rem}
section>h2{margin:0 0 .6rem}
td.n,th.n{padding-left:.75rem}
.id{font:.82rem ui-monospace,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
details summary{cursor:pointer;color:var(--soft)}
.scroll{overflow-x:auto}
.w{white-space:nowrap}
@media print{*{print-color-adjust:exact;-webkit-print-color-adjust:exact}details{display:none}
thead{display:table-header-group}tr,figure{break-inside:avoid}body{font-size:11pt}}
"""


def _(text: object) -> str:
    return escape(printable(str(text)), quote=True)


def _figures(day: Day) -> str:
    rows = "".join(
        f"<tr><th scope=row>{_key(group)}{words}</th><td class=n>{day.groups[group]:,}</td></tr>"
        for group, words in GROUPS.items()
    )
    whole = f"<tr><th scope=row><b>All calls</b></th><td class=n><b>{day.calls:,}</b></td></tr>"
    not_over = (
        f"<tr><th scope=row>Not over yet, and not counted</th><td class=n>{day.running:,}</td></tr>"
        if day.running
        else ""
    )
    return f"<table class=summary><tbody>{rows}{whole}{not_over}</tbody></table>"


def _key(group: Group) -> str:
    square = f'<rect class="{_CLASSES[group]}" width=12 height=12 />'
    return f'<svg class=key viewBox="0 0 12 12" aria-hidden=true>{square}</svg>'


def _picture(day: Day) -> str:
    most = max(sum(hour.values()) for hour in day.hours)
    if not most:
        return ""
    legend = "".join(f"<span>{_key(group)}{words}</span>" for group, words in GROUPS.items())
    return f"""
<section><h2>By the hour</h2>
<figure><svg class=hours viewBox="0 0 {_WIDTH} 240" role=img aria-labelledby="hours-title">
<title id="hours-title">Calls by the hour in which they began (UTC); the table below has the figures</title>
<defs><pattern id=reason width=7 height=7 patternUnits=userSpaceOnUse patternTransform="rotate(45)">
<rect class=under width=7 height=7 /><line class=hatch x1=0 y1=0 x2=0 y2=7 /></pattern></defs>
{"".join(_guides(most))}{"".join(_bars(day, most))}
</svg><figcaption class=legend>{legend}</figcaption></figure>
<details><summary>The figures of the picture</summary><div class=scroll>{_hours(day)}</div></details></section>"""


def _guides(most: int) -> Iterator[str]:
    for count in sorted({0, most // 2, most}):
        y = _BOTTOM - (_BOTTOM - _TOP) * count / most
        yield f'<path class=guide d="M{_LEFT} {y:.1f}H{_WIDTH}"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor=end>{count:,}</text>'


def _bars(day: Day, most: int) -> Iterator[str]:
    for number, hour in enumerate(day.hours):
        x, y = _LEFT + number * _STEP, float(_BOTTOM)
        for group, count in hour.items():
            height = (_BOTTOM - _TOP) * count / most
            if count:
                y -= height
                place = f'x="{x + 3:.1f}" y="{y:.1f}" width="{_STEP - 6:.1f}" height="{height:.1f}"'
                yield f'<rect class="{_CLASSES[group]}" {place}/>'
        if hour[Group.UNEXPLAINED]:
            yield f'<text class=label x="{x + _STEP / 2:.1f}" y="{y - 3:.1f}" text-anchor=middle>!</text>'
        yield f'<text x="{x + _STEP / 2:.1f}" y="{_BOTTOM + 16}" text-anchor=middle>{number:02}</text>'


def _hours(day: Day) -> str:
    heads = "".join(f"<th scope=col class=n>{words}</th>" for words in GROUPS.values())
    rows = "".join(
        f"<tr><th scope=row>{number:02}:00</th>{''.join(f'<td class=n>{hour[group]:,}</td>' for group in GROUPS)}</tr>"
        for number, hour in enumerate(day.hours)
        if sum(hour.values())
    )
    return f"<table><thead><tr><th scope=col>hour</th>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _reasons(sheet: Sheet) -> str:
    if not sheet.reasons:
        return ""
    rows = "".join(f"<tr><td class=n>{number:,}</td><td>{_(why)}</td></tr>" for why, number in sheet.reasons)
    heads = "<th scope=col class=n>calls</th><th scope=col>why</th>"
    return f"<section><h2>Why calls were not recorded</h2>{_table(heads, rows)}</section>"


def _table(heads: str, rows: str) -> str:
    return f"<div class=scroll><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"


def _found(day: Day) -> Iterator[str]:
    if not day.findings:
        return
    yield "<section><h2>To look into</h2>"
    for fault, means in MEANS.items():
        here = [one for one in day.findings if one.fault is fault]
        if here:
            rows = "".join(
                f"<tr><td class=w>{stamp(one.at)}</td><td class=w>{_(one.line)}</td><td>{_(one.what)}</td>"
                f'<td class="id">{_(about(one))}</td></tr>'
                for one in here
            )
            heads = "".join(f"<th scope=col>{head}</th>" for head in ("began", "line", "the call", "id"))
            yield f"<article class=bad><h2>{means}: {day.faults[fault]:,}</h2>"
            yield f"{_table(heads, rows)}{_more(day.faults[fault] - len(here))}</article>"
    yield "</section>"


def _more(number: int) -> str:
    return f"<p>… and {number:,} more: <code>consentgate reconcile --json</code> names each.</p>" if number > 0 else ""


def _unrecorded(day: Day) -> str:
    if not day.unrecorded:
        return ""
    rows = "".join(
        f"<tr><td class=w>{stamp(one.at)}</td><td class=w>{_(one.line) or '<i>none</i>'}</td>"
        f"<td>{_(one.why) if one.explained else f'<b>{_(one.why)}</b>'}</td></tr>"
        for one in day.unrecorded
    )
    heads = "".join(f"<th scope=col>{head}</th>" for head in ("began", "line", "why"))
    more = _more(day.expected - day.groups[Group.RECORDED] - len(day.unrecorded))
    title = "Each call that should have been recorded and was not"
    return f"<section><h2>{title}</h2>{_table(heads, rows)}{more}</section>"


def _unknown(sheet: Sheet) -> str:
    said = "".join(f"<li class=fair><b aria-hidden=true>!</b><div><p>{_(one)}</p></div></li>" for one in unknown(sheet))
    return f"<section><h2>What could not be compared</h2><ul class=findings>{said}</ul></section>" if said else ""


def page(sheet: Sheet) -> str:
    """Return the whole page."""
    day, badge = sheet.day, f'<b aria-hidden="true">{_MARKS[sheet.state]}</b> {_(sheet.said)}'
    made = names.iso(sheet.made)[:16].replace("T", " ")
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{_(sheet.title)}, {_(sheet.site)}</title>
<style>{STYLE}{_STYLE}</style>
<main>
<header class="top">
<p class="over">consentgate sheet · {_(sheet.site)} · {_(sheet.node)} · made {made} UTC · all times are UTC</p>
<h1>{_(sheet.title)}</h1>
<p class="lead">{_(sheet.verdict)} <span class="badge {sheet.state}">{badge}</span></p>
</header>
<section>{_figures(day)}
<p><b>Not in the archive yet:</b> {_(sheet.oldest)}</p></section>
{_picture(day)}
{_reasons(sheet)}
{"".join(_found(day))}
{_unrecorded(day)}
{_unknown(sheet)}
<footer><p>All calls are those that were recorded, those that are never recorded by decision, those that were not
recorded with a reason, and those of which nobody knows why; each call is one of these. No caller's number or name is on
this sheet.</p></footer>
</main>
</html>
"""
