"""What is wrong in a configuration, said so that the one who wrote it finds and mends it at once."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from ari_app.errors import ConfigurationError

Path = tuple[str | int, ...]
"""Where something stands in the tree: `("lines", "advice-line", "numbers", 0)`."""

MAX_VALUE_CHARACTERS = 60
SHORT_WORD = 3
_SECRET_KEY = re.compile(r"pass|secret|key|dsn|token|credential", re.IGNORECASE)
_NO_SECRET_KEY = re.compile(r"_file\Z|\Akms_key_id\Z|\A(opt_out|consent|repeat|information|language)_keys?\Z")


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One finding, at one place."""

    line: int
    path: str
    problem: str
    value: str | None = None
    hint: str = ""

    def text(self, file: str) -> str:
        """Return `file:line: dotted.path: problem (value …): hint`, which editors can jump to."""
        where = f"{file}:{self.line}: {self.path}: " if self.path else f"{file}:{self.line}: "
        value = "" if self.value is None else f" (value {self.value})"
        return where + self.problem + value + (f": {self.hint}" if self.hint else "")


class InvalidConfigurationError(ConfigurationError):
    """The file was read and is not usable; `problems` are all of them, in the order of the file."""

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        self.file = file
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        found = "".join(f"\n{problem.text(file)}" for problem in self.problems)
        super().__init__(f"{count} in the configuration, which is not used:{found}")


def dotted(path: Path) -> str:
    """Return `lines.advice-line.numbers[0]`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def shown(path: Path, text: str) -> str:
    """Return a value as a message may show it: shortened, printable, and `***` where a secret was misplaced."""
    key = next((part for part in reversed(path) if isinstance(part, str)), "")
    if _SECRET_KEY.search(key) and not _NO_SECRET_KEY.search(key):
        return "***"
    if re.search(r"://[^/@\s]*:[^/@\s]*@", text):
        return "***, it holds a password"
    # repr, because a value may hold characters that would move the cursor of the reader's terminal.
    return ascii(text) if len(text) <= MAX_VALUE_CHARACTERS else ascii(text[:MAX_VALUE_CHARACTERS]) + "…"


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return a hint: the one known word that resembles this one, or all of them."""
    folded = {item.casefold(): item for item in known}
    # Of two letters one wrong is half of the word.
    cutoff = 0.6 if len(word) > SHORT_WORD else 0.5
    close = get_close_matches(word.casefold(), folded, n=1, cutoff=cutoff)
    return f"did you mean {folded[close[0]]}?" if close else f"known here: {', '.join(known)}"
