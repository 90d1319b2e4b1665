"""Asterisk told to read its files again, over its own console. No call ends by that."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .errors import InstallError
from .steps import run

FILES = ("manager reload", "module reload http", "module reload res_ari.so", "module reload features")
DIALPLAN = "dialplan reload"


@dataclass(frozen=True, slots=True)
class Reload:
    """Its files read again. done: tells whether it has read them since they changed."""

    command: Sequence[str]
    lines: Sequence[str] = (*FILES, DIALPLAN)
    done: Callable[[], bool] = lambda: False

    def needed(self) -> str:
        return "" if self.done() else f"run: {' '.join(self.command)} -rx {', '.join(repr(one) for one in self.lines)}"

    def apply(self) -> None:
        try:
            run([*self.command, "-rx", "core show uptime"])
        except InstallError:
            print("Asterisk does not answer on its console: it reads its files when it starts.")
            return
        for line in self.lines:
            run([*self.command, "-rx", line])

    def undo(self) -> str:
        self.apply()
        return self.needed()
