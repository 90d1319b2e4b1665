#!/usr/bin/env -S python3 -I -S
"""Ask one of the house what they have paused a recording for: a prompt, and one digit.

Asterisk runs it from [consentgate-features] in dialplan/consentgate-features.conf, which has paused already:

    AGI(consentgate/cause_menu.py,PROMPT)

PROMPT is a sound of the site's own, without its suffix; without one two low tones ask. A digit is taken from the first
word on, and its word is left in CONSENTGATE_CAUSE. Whoever presses a digit that has no word is asked once
more; whoever presses # or nothing is not, for the other side waits. Nothing here can end the pause: whatever fails, it
has no cause, and no more. Nor can it keep anybody from the call: should it hang, the kernel ends it.
"""

import signal
import sys
from typing import BinaryIO, Final

CAUSES: Final = {"1": "payment", "3": "distress", "4": "child", "6": "capacity", "7": "private"}
"""The last digit of the key that does the same at once, `*51` and so on; `*57` is private as well."""

KEYS: Final = "0123456789*#"
NO_MORE: Final = "#"
TIMES: Final = 2
MOST_SECONDS: Final = 60
PATIENCE_MS: Final = 4000
TONES: Final = "!500/160,!0/80,!500/160,!0/80"


class OverError(Exception):
    """The channel is gone, or Asterisk refused a command; the text is for its console."""


class Agi:
    """Asterisk's side of the two streams."""

    def __init__(self, stdin: BinaryIO, stdout: BinaryIO) -> None:
        self._in, self._out = stdin, stdout
        while self._line():
            # What Asterisk says of the call is of no use here.
            pass

    def _line(self) -> str:
        return self._in.readline(8192).decode("utf-8", "replace").rstrip("\r\n")

    def do(self, command: str) -> int:
        """Send a command and return its result. Raises OverError."""
        self._out.write(command.encode() + b"\n")
        self._out.flush()
        answer = self._line()
        result = answer.removeprefix("200 result=").partition(" ")[0]
        if not answer.startswith("200 result=") or not result.isdecimal():
            raise OverError(f"the channel was hung up, or Asterisk refuses {command[:30]!r}: {answer[:80]!r}")
        return int(result)


def ask(agi: Agi, prompt: str) -> str:
    """Ask once and return the key; empty if nobody pressed one. Raises OverError."""
    pressed = agi.do(f'STREAM FILE {prompt} "{KEYS}"') if prompt else agi.do(f'EXEC PlayTones "{TONES}"')
    pressed = pressed or agi.do(f"WAIT FOR DIGIT {PATIENCE_MS}")
    return chr(pressed) if pressed else ""


def main(arguments: list[str]) -> int:
    """Speak to Asterisk; complain to its console on standard error."""
    prompt = arguments[0] if arguments else ""
    signal.alarm(MOST_SECONDS)
    try:
        agi = Agi(sys.stdin.buffer, sys.stdout.buffer)
        for _ in range(TIMES):
            key = ask(agi, prompt)
            if key in CAUSES:
                agi.do(f"SET VARIABLE CONSENTGATE_CAUSE {CAUSES[key]}")
            if not key or key in CAUSES or key == NO_MORE:
                return 0
    except (OSError, OverError) as failure:
        sys.stderr.write(f"cause_menu.py: the pause has no cause: {failure}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
