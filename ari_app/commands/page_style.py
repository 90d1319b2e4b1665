"""How pages of ours look: light and dark as the reader's machine is, and plain on paper."""

from typing import Final

STYLE: Final = """
:root{color-scheme:light dark;--paper:#f6f7f9;--card:#fff;--ink:#1b2430;--soft:#5d6877;--line:#dfe3e8;--wave:#2f6f9f;
--field:#f3f6f9;--silence:#d9e0e8;--good:#1d7a46;--fair:#9a6200;--bad:#b3261e;--good-bg:#e4f4ea;--fair-bg:#fdf0d8;
--bad-bg:#fce8e6;--clip:#d93025;--code:#f0f2f5}
@media(prefers-color-scheme:dark){:root{--paper:#12161c;--card:#1b212a;--ink:#e4e8ee;--soft:#9aa5b4;--line:#303845;
--wave:#6cb2e4;--field:#151a21;--silence:#2b3440;--good:#6fd39a;--fair:#f0b95c;--bad:#ff8a80;--good-bg:#173524;
--fair-bg:#3a2c12;--bad-bg:#42201d;--clip:#ff6b5e;--code:#12161c}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:60rem;margin:0 auto;padding:2.5rem 1.25rem}
h1{font-size:1.9rem;line-height:1.2;margin:.2rem 0 .4rem}
h2{font-size:1.25rem;margin:0}
.over,.about,.file,.wanted,footer{color:var(--soft)}
.over{font-size:.85rem;margin:0}
.lead{font-size:1.1rem;margin:0 0 1.5rem}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th{text-align:left;font-weight:500}
td,th{padding:.4rem .75rem .4rem 0;border-bottom:1px solid var(--line);vertical-align:middle}
tr:last-child>*{border-bottom:0}
thead th{color:var(--soft);font-size:.85rem}
.summary{background:var(--card);border:1px solid var(--line);border-radius:10px;border-collapse:separate;
border-spacing:0;padding:.35rem 1.1rem;margin-bottom:2rem}
a{color:inherit;text-decoration-color:var(--wave);text-underline-offset:.2em}
article{background:var(--card);border:1px solid var(--line);border-top:4px solid var(--good);border-radius:10px;
padding:1.1rem 1.4rem 1rem;margin:0 0 1.75rem;break-inside:avoid}
article.fair{border-top-color:var(--fair)}
article.bad{border-top-color:var(--bad)}
article>header{display:flex;justify-content:space-between;align-items:center;gap:1rem}
.badge{display:inline-block;white-space:nowrap;font-size:.85rem;font-weight:600;padding:.1rem .65rem;border-radius:99px}
.badge.good{color:var(--good);background:var(--good-bg)}
.badge.fair{color:var(--fair);background:var(--fair-bg)}
.badge.bad{color:var(--bad);background:var(--bad-bg)}
.about{margin:.1rem 0 .7rem;font-size:.92rem}
blockquote{margin:0 0 .9rem;padding-left:.9rem;border-left:3px solid var(--line);font-style:italic;white-space:pre-line}
figure{margin:0 0 1rem}
svg.waveform{display:block;width:100%;height:auto}
.field{fill:var(--field)}
.silence{fill:var(--silence)}
.guide{stroke:var(--line);stroke-width:1;fill:none}
.wave{fill:var(--wave);stroke:var(--wave);stroke-width:.6;stroke-linejoin:round}
.clip{fill:var(--clip);fill-opacity:.7}
.mark{fill:var(--clip)}
.end{stroke:var(--ink);stroke-width:1.4;stroke-dasharray:4 3;fill:none}
.tick{stroke:var(--soft);fill:none}
svg text{font:12px system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:var(--soft)}
svg text.label{fill:var(--ink)}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1.3rem;font-size:.82rem;color:var(--soft);margin-top:.3rem}
.legend i{display:inline-block;width:.8rem;height:.8rem;border-radius:2px;margin-right:.4rem;vertical-align:-.08rem}
.legend .wave{background:var(--wave)}
.legend .silence{background:var(--silence)}
.legend .clip{background:var(--clip)}
.findings{list-style:none;margin:0 0 1rem;padding:0}
.findings li{display:flex;gap:.8rem;padding:.6rem .9rem;border-radius:8px;margin-bottom:.5rem}
.findings li.fair{background:var(--fair-bg)}
.findings li.bad{background:var(--bad-bg)}
.findings li>b{flex:none;width:1rem;text-align:center}
.findings li.fair>b{color:var(--fair)}
.findings li.bad>b{color:var(--bad)}
.findings div{min-width:0;flex:1}
.findings p{margin:0;overflow-wrap:anywhere}
pre{margin:.35rem 0 .1rem;padding:.5rem .75rem;background:var(--code);border-radius:6px;white-space:pre-wrap;
overflow-wrap:anywhere;font:.85rem/1.45 ui-monospace,"DejaVu Sans Mono",monospace}
.figures{font-size:.92rem}
.figures th,.figures td{white-space:nowrap}
.figures .wanted{white-space:normal;width:40%}
.state{width:1.6rem;font-weight:700;text-align:center;padding-left:0}
.state.good{color:var(--good)}
.state.fair{color:var(--fair)}
.state.bad{color:var(--bad)}
svg.meter{display:block;width:208px;max-width:100%}
.scale{fill:var(--silence)}
.allowed{fill:var(--fair);fill-opacity:.45}
rect.good{fill:var(--good);fill-opacity:.75}
.needle{stroke:var(--ink);stroke-width:2.5;stroke-linecap:round}
.none{color:var(--soft);font-style:italic}
.file{font:.78rem/1.5 ui-monospace,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere;margin:.8rem 0 0}
footer{font-size:.85rem}
@media(max-width:40rem){.wanted{display:none}}
@media print{body{background:#fff}main{max-width:none;padding:0}}
"""
