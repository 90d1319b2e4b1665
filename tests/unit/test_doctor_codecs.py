"""A codec in which nobody can be told is found where an endpoint allows it."""

from pathlib import Path

from ari_app.doctor import codecs
from ari_app.doctor.folder import Folder

SAID = [
    ' --- Translation paths SRC Codec "slin" sample rate 8000 ---',
    " \tslin:8000           To g729:8000        : No Translation Path",
    " \tslin:8000           To ulaw:8000        : (slin@8000)->(ulaw@8000)",
    " \tslin:8000           To speex:8000       : No Translation Path",
    " \tslin:8000           To speex:16000      : (slin@8000)->(slin@16000)->(speex@16000)",
]


def test_codecs_without_a_way(tmp_path: Path) -> None:
    (tmp_path / "pjsip.conf").write_text(
        "[basic](!)\ntype = endpoint\ndisallow = all\nallow = !all,ulaw,g729:20\n[trunk](basic)\nallow = speex,h264\n",
        encoding="utf-8",
    )
    assert codecs.unreachable(SAID) == {"g729"}
    (one,) = codecs.judge(SAID, Folder(tmp_path))
    assert (one.name, one.subject) == ("announcement-codec", "pjsip.conf:4 trunk")
    assert list(codecs.judge([], Folder(tmp_path))) == []
