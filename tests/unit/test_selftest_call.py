"""The self-test's call against an ARI that answers as told: each way to fail is named, and nothing is left over."""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from unit.calls import line

from ari_app import clock
from ari_app.commands import selftest_call
from ari_app.config import Asterisk
from ari_app.core.policy import Keys, Mode
from ari_app.doctor.catalogue import Grade

NOW = 1_795_953_600
RECORDING = "01M8KM1YXKCH47J9SB73BR3XMM"
LINE: Any = line()


class FakeAri:
    """What ARI says, by method and the beginning of a path; and what it was asked."""

    def __init__(self, **variables: str) -> None:
        self.variables = variables
        self.asked: list[tuple[str, str]] = []
        self.alive: object = str(NOW)
        self.endpoint = 200
        self.originate = 200
        self.looks = 3
        self.comes_back = True

    def __call__(self, _: object, method: str, path: str) -> tuple[int, bytes]:
        self.asked.append((method, path.partition("?")[0]))
        status, said = self.answer(method, path)
        return status, json.dumps(said).encode()

    def answer(self, method: str, path: str) -> tuple[int, object]:
        match method, path.partition("?")[0].split("/")[1:]:
            case "GET", ["asterisk", "variable"]:
                return 200, {"value": self.alive}
            case "GET", ["endpoints", *_]:
                return self.endpoint, {}
            case "POST", ["channels"]:
                return self.originate, {"message": "no"}
            case "GET", ["channels"]:
                far = [{"id": "9.9", "name": "PJSIP/consentgate-selftest-00000007"}] if self.comes_back else []
                near = self.near()
                return 200, [{"id": near, "name": "PJSIP/consentgate-selftest-00000006"}, *far]
            case "GET", ["channels", "9.9", "variable"]:
                return 200, {"value": self.variables.get(path.rpartition("=")[2], "")}
            case "GET", ["channels", _]:
                self.looks -= 1
                return (200 if self.looks > 0 else 404), {}
            case _:
                return 204, None

    def near(self) -> str:
        return next((path.split("/")[2] for _, path in self.asked if path.startswith("/channels/cg-")), "")


def call(monkeypatch: pytest.MonkeyPatch, ari: Callable[..., Any]) -> tuple[selftest_call.Call, Any]:
    monkeypatch.setattr(selftest_call, "request", ari)
    monkeypatch.setattr(clock, "now", lambda: NOW * 1_000_000)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    asterisk: Any = Asterisk.model_construct()
    made = selftest_call.Call(asterisk, LINE, lambda _: None)
    try:
        return made, made.make()
    except selftest_call.FailedError as failure:
        return made, failure.found


def test_a_call_that_is_told_and_recorded(monkeypatch) -> None:
    ari = FakeAri(CONSENTGATE_OUTCOME="recording", CONSENTGATE_RECORDING=RECORDING)
    made, found = call(monkeypatch, ari)
    assert found == RECORDING
    assert [one.name for one in made.found] == ["selftest-announced", "selftest-recorded"]
    ended = [path for method, path in ari.asked if method == "DELETE"]
    assert ended == [f"/channels/{ari.near()}", "/channels/9.9"]


@pytest.mark.parametrize("alive", ["", "x", str(NOW - 9), str(NOW + 9), "9" * 20])
def test_no_gate_lives(monkeypatch, alive: str) -> None:
    ari = FakeAri()
    ari.alive = alive
    _, found = call(monkeypatch, ari)
    assert (found.name, found.grade) == ("selftest-gate", Grade.WRONG)
    assert ("POST", "/channels") not in ari.asked, "no call is made"


def test_no_endpoint(monkeypatch) -> None:
    ari = FakeAri()
    ari.endpoint = 404
    assert call(monkeypatch, ari)[1].name == "selftest-endpoint"


def test_a_call_that_is_refused(monkeypatch) -> None:
    ari = FakeAri()
    ari.originate = 500
    assert call(monkeypatch, ari)[1].name == "selftest-call"


def test_a_call_that_does_not_come_back(monkeypatch) -> None:
    ari = FakeAri()
    ari.comes_back = False
    _, found = call(monkeypatch, ari)
    assert found.name == "selftest-call"
    assert "did not come back" in found.seen


def test_a_call_that_does_not_end(monkeypatch) -> None:
    ari = FakeAri(CONSENTGATE_OUTCOME="recording", CONSENTGATE_RECORDING=RECORDING)
    ari.looks = 10_000
    ticks = iter(range(10_000))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(ticks)))
    _, found = call(monkeypatch, ari)
    assert (found.name, "did not end" in found.seen) == ("selftest-call", True)
    assert ("DELETE", "/channels/9.9") in ari.asked


@pytest.mark.parametrize(
    ("outcome", "reason", "words"),
    [
        ("not_recorded", "announcement_unusable", "announcement_unusable: The line's announcement cannot be"),
        ("not_recorded", "because", "because"),
        ("", "", "the gate never said what became of it"),
    ],
)
def test_a_call_that_is_not_recorded_says_why(monkeypatch, outcome: str, reason: str, words: str) -> None:
    _, found = call(monkeypatch, FakeAri(CONSENTGATE_OUTCOME=outcome, CONSENTGATE_REASON=reason))
    assert found.name == "selftest-announced"
    assert words in found.seen


def test_ari_goes_away(monkeypatch) -> None:
    def away(*_: object) -> tuple[int, bytes]:
        raise ConnectionRefusedError(111, "Connection refused")

    _, found = call(monkeypatch, away)
    assert (found.name, found.grade) == ("selftest-call", Grade.UNREACHABLE)


@pytest.mark.parametrize(("answer", "name"), [("Success", ""), ("Error", "selftest-key")])
def test_a_line_that_asks_for_a_yes_is_given_one(monkeypatch, answer: str, name: str) -> None:
    pressed: list[dict[str, str]] = []

    class FakeSession:
        def __init__(self, *_: object) -> None:
            pass

        def banner(self) -> str:
            return ""

        def close(self) -> None:
            pass

        def ask(self, action: str, **values: str) -> dict[str, str]:
            if action == "PlayDTMF":
                pressed.append(values)
                return {"response": answer, "message": "Invalid/unknown command"}
            return {"response": "Success"}

    ticks = iter(range(10_000))
    monkeypatch.setattr(time, "monotonic", lambda: next(ticks) / 10)
    monkeypatch.setattr(selftest_call, "Session", FakeSession)
    monkeypatch.setattr(Asterisk, "ami_password", SimpleNamespace(reveal=lambda: "x"), raising=False)
    monkeypatch.setattr(Asterisk, "ami_host", "x", raising=False)
    monkeypatch.setattr(Asterisk, "ami_port", 1, raising=False)
    monkeypatch.setattr(Asterisk, "ami_user", "x", raising=False)
    ari = FakeAri(CONSENTGATE_OUTCOME="recording", CONSENTGATE_RECORDING=RECORDING)
    ari.looks = 60
    asked = replace(LINE, mode=Mode.OPT_IN, keys=Keys(consent="5"))
    monkeypatch.setattr(sys.modules[__name__], "LINE", asked)
    _, found = call(monkeypatch, ari)
    assert pressed[0]["Digit"] == "5"
    assert getattr(found, "name", "") == name
