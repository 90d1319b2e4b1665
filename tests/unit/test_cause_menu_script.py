"""The question what a pause is for, as Asterisk has it asked: what is played, which digit counts, and when it ends."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "agi_scripts" / "cause_menu.py"
PROMPT = "/etc/prompts/causes"
PLAY = f'STREAM FILE {PROMPT} "0123456789*#"'
TONES = 'EXEC PlayTones "!500/160,!0/80,!500/160,!0/80"'
WAIT = "WAIT FOR DIGIT 4000"
NOTHING = "200 result=0 endpos=4000"


def key(pressed):
    return f"200 result={ord(pressed)}"


def cause(word):
    return f"SET VARIABLE CONSENTGATE_CAUSE {word}"


def run(*answers, prompt=PROMPT):
    """Return what the script says to Asterisk, which answers so one after the other and then is gone; and its end."""
    process = subprocess.Popen(
        # Isolated, as Asterisk's own Python would be: nothing that is installed here may be needed.
        [sys.executable, "-I", "-S", str(SCRIPT), *([prompt] if prompt is not None else [])],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1,
    )  # fmt: skip
    watchdog = threading.Timer(20, process.kill)
    watchdog.start()
    said, left = [], list(answers)
    with process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write("agi_request: cause_menu.py\nagi_channel: PJSIP/2001-00000001\n\n")
        for raw in process.stdout:
            said.append(raw.rstrip("\n"))
            if not left:
                process.stdin.close()
                break
            process.stdin.write(left.pop(0) + "\n")
        complained = process.stderr.read()
    watchdog.cancel()
    assert (process.returncode != 0) is (complained != "")
    assert left == []
    return said, process.returncode


@pytest.mark.parametrize(
    ("digit", "word"), [("1", "payment"), ("3", "distress"), ("4", "child"), ("6", "capacity"), ("7", "private")]
)
def test_a_digit_counts_from_the_first_word_on(digit, word):
    assert run(key(digit), "200 result=1") == ([PLAY, cause(word)], 0)


def test_and_for_a_while_after_the_last():
    assert run(NOTHING, key("3"), "200 result=1") == ([PLAY, WAIT, cause("distress")], 0)


@pytest.mark.parametrize("first", [[key("2")], [key("*")], [NOTHING, key("9")]])
def test_who_presses_a_digit_without_a_word_is_asked_once_more(first):
    said, status = run(*first, key("4"), "200 result=1")
    assert (said[-2:], status) == ([PLAY, cause("child")], 0)
    assert said.count(PLAY) == 2


def test_and_then_no_more():
    assert run(key("9"), key("9")) == ([PLAY, PLAY], 0)


def test_who_presses_nothing_has_paused_all_the_same_and_the_other_side_waits_no_longer():
    assert run(NOTHING, "200 result=0") == ([PLAY, WAIT], 0)


def test_who_wants_to_give_no_cause_is_not_asked_again():
    assert run(key("#")) == ([PLAY], 0)


@pytest.mark.parametrize("prompt", ["", None])
def test_without_words_of_the_sites_own_two_tones_ask(prompt):
    assert run("200 result=0", key("6"), "200 result=1", prompt=prompt) == ([TONES, WAIT, cause("capacity")], 0)


@pytest.mark.parametrize(
    "answer",
    [
        "200 result=-1 endpos=0",
        "HANGUP",
        "511 Command Not Permitted on a dead channel or intercept routine",
        "200 result=x",
    ],
)
def test_whoever_hangs_up_is_not_asked_again(answer):
    said, status = run(answer)
    assert (said, status) == ([PLAY], 1)


def test_a_script_that_hangs_is_ended_by_the_kernel(tmp_path):
    """Until then Asterisk would keep whoever pressed the key from the call."""
    script = tmp_path / "cause_menu.py"
    text = SCRIPT.read_text(encoding="utf-8")
    assert "MOST_SECONDS: Final = 60\n" in text
    script.write_text(text.replace("MOST_SECONDS: Final = 60\n", "MOST_SECONDS: Final = 1\n"), encoding="utf-8")
    # Asterisk says nothing more, and does not close the pipe either.
    with subprocess.Popen([sys.executable, "-I", "-S", str(script)], stdin=subprocess.PIPE) as process:
        assert process.wait(20) == -signal.SIGALRM


def test_a_channel_that_is_gone_without_a_word():
    assert run() == ([PLAY], 1)
