"""The public notice as one HTML page: it loads nothing, runs nothing, prints on paper and can be read aloud."""

from collections.abc import Iterator
from html import escape
from typing import Final

from ari_app.core.notice import Kind, Notice, Piece, Section

from .page_style import STYLE

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE: Final = """
section{margin:0 0 1.6rem}
section>h2{margin:1.6rem 0 .5rem}
h3{font-size:1.05rem;margin:1.1rem 0 .3rem}
p{margin:.35rem 0}
mark{display:block;border:2px dashed var(--bad);background:var(--bad-bg);color:var(--bad);font-weight:600;
padding:.35rem .7rem;border-radius:6px}
"""


def _(text: object) -> str:
    return escape(str(text), quote=True)


def _piece(piece: Piece) -> str:
    match piece.kind:
        case Kind.QUOTED:
            return f'<blockquote lang="{_(piece.language)}">{_(piece.text)}</blockquote>'
        case Kind.BLANK:
            return f"<p><mark>{_(piece.text)}</mark></p>"
        case Kind.SAID:
            return "".join(f"<p>{_(line)}</p>" for line in piece.text.splitlines())


def _section(section: Section) -> Iterator[str]:
    yield "<section>"
    if section.heading:
        yield f"<h{section.level}>{_(section.heading)}</h{section.level}>"
    yield from (_piece(piece) for piece in section.pieces)
    yield "</section>"


def page(made: Notice) -> str:
    """Return the whole page."""
    body = "\n".join(part for section in made.sections for part in _section(section))
    return f"""<!doctype html>
<html lang="{_(made.language)}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{_(made.title)}</title>
<style>{STYLE}{_STYLE}</style>
<main>
<h1>{_(made.title)}</h1>
{body}
<footer><p>{_(made.made)}</p></footer>
</main>
</html>
"""
