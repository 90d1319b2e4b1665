"""People choose by a key: a no at any instant, a yes that is one, their language, and the house's own hand."""

from typing import Final

from canary import likeness, music_heard, times_heard, tone_share
from system.scene import Scenario, Scene
from system.site import MUSIC_NUMBER, PATIENTS_QUEUE_NUMBER, number_of
from system.stage import Leg
from telephone import Instant, Telephone
from telephone.mulaw import RATE, Pcm

BEGINNING: Final = Instant(0)
CLEARLY: Final = 0.6
"""Words over the music of these tests, which is 15 dB quieter, are as like themselves as this at least."""


async def _calls(scene: Scene, line: str) -> tuple[Leg, Telephone]:
    phone = await scene.phone()
    return await scene.rings(number_of(line, phone.user), line), phone


async def _goes_on(scene: Scene, caller: Leg, phone: Telephone) -> Leg:
    """The call reaches the house as any call does, and both hear each other."""
    house = await scene.arrival(phone)
    await scene.converse(caller, house)
    await scene.talk()
    return house


def _heard(scene: Scene, caller: Leg, name: str) -> int:
    return times_heard(caller.call.heard, scene.hospital.sound(name))


async def _hears(scene: Scene, caller: Leg, name: str) -> None:
    async def heard() -> bool:
        return _heard(scene, caller, name) == 1

    await scene.hospital.until(heard, f"{caller.title} hears {name}")


def declines(after_seconds: float | None, keys: str = "9", *, words: str = "declined-cy") -> Scenario:
    """Return a caller who says no so long after the first sound, or at once: nothing of anybody is kept."""

    async def scenario(scene: Scene) -> None:
        caller, phone = await _calls(scene, "patients-line")
        caller.refused = ("objected",)
        await caller.call.answered
        if after_seconds is not None:
            await caller.call.media.first_heard
            await scene.talk(after_seconds)
        await caller.call.press(keys)
        await _goes_on(scene, caller, phone)
        assert _heard(scene, caller, words) == 1, "whoever says no hears that it was heard, once"

    return scenario


async def declines_and_is_transferred(scene: Scene) -> None:
    """Who has said no is not recorded with anybody whom they are transferred to."""
    caller, phone = await _calls(scene, "patients-line")
    caller.refused = ("objected",)
    await caller.call.media.first_heard
    await caller.call.press("9")
    house = await _goes_on(scene, caller, phone)
    second = await scene.phone()
    await scene.refer(house, second)
    await scene.converse(caller, await scene.arrival(second))
    await scene.talk()


async def objects_while_waiting(scene: Scene) -> None:
    """In a queue, where no feature of Asterisk's listens: they hear that it was heard, over the music, and keep their
    place before somebody who came later. What was captured while they waited is destroyed."""
    caller = await scene.rings(PATIENTS_QUEUE_NUMBER, "english-waiting-line")
    caller.refused = ("objected",)
    phone = await scene.phone("2002", ring_seconds=4.0)
    await scene.told(caller)
    later = await scene.rings(PATIENTS_QUEUE_NUMBER, "english-waiting-line", name="somebody later")
    later.refused = ("music_on_hold",)
    await scene.talk(0.5)
    words = scene.hospital.sound("declined-en")
    before = len(caller.call.heard.pcm)
    await caller.call.press("*9")
    scene.off(caller, BEGINNING, why="objected")
    await scene.talk(len(words) / RATE + 0.6)
    waiting = caller.call.heard.pcm[before:]
    assert likeness(waiting, words) > CLEARLY, "who says no hears that it was heard, where they wait"
    assert music_heard(waiting[-RATE // 4 :]), "and the music goes on"
    assert [call.state for call in phone.calls] == ["ringing"], "and nobody has answered yet"
    await scene.told(later)
    assert likeness(later.call.heard.pcm, words) < CLEARLY, "nobody else hears it"
    await scene.converse(caller, await scene.arrival(phone))
    await scene.talk()


async def objects_over_music(scene: Scene) -> None:
    """On a line that has no words for it they hear the two falling tones of the key, once, over the music."""
    caller = await scene.rings(MUSIC_NUMBER, "wordless-line")
    caller.refused = ("objected",)
    await scene.told(caller)
    await scene.talk(0.5)
    before = len(caller.call.heard.pcm)
    await caller.call.press("*9")
    scene.off(caller, BEGINNING, why="objected")
    await scene.talk(1.5)
    assert _tones_heard(caller.call.heard.pcm[before:]) == [800, 500]
    assert music_heard(caller.call.heard.pcm[-RATE // 2 :])


def _tones_heard(pcm: Pcm) -> list[int]:
    """Return which of the keys' tones were heard, each as often as it began."""
    window = RATE // 20
    heard: list[int] = []
    last = 0
    for begin in range(0, len(pcm) - window, window // 2):
        # So short a piece spreads a tone over two of its steps of 20 Hz.
        shares = {hz: tone_share(pcm[begin : begin + window], hz, width_hz=45) for hz in (500, 800)}
        loudest = max(shares, key=lambda hz: shares[hz])
        now = loudest if shares[loudest] > CLEARLY else 0
        heard += [now] if now not in {0, last} else []
        last = now
    return heard


def objects_later(line: str) -> Scenario:
    """Return a caller who objects in the conversation; what was recorded before is kept or destroyed, by the line."""

    async def scenario(scene: Scene) -> None:
        caller, phone = await _calls(scene, line)
        kept = line == "kept-line"
        caller.reasons = ("objected",)
        caller.refused = () if kept else ("objected",)
        await scene.told(caller)
        await _goes_on(scene, caller, phone)
        await caller.call.press("*9")
        scene.off(caller, caller.key_up if kept else BEGINNING, why="objected")
        await _hears(scene, caller, "declined-en")
        await scene.talk()

    return scenario


async def objects_after_a_transfer(scene: Scene) -> None:
    """The same once they talk to somebody else."""
    caller, phone = await _calls(scene, "kept-line")
    caller.reasons = ("objected",)
    await scene.told(caller)
    house = await _goes_on(scene, caller, phone)
    second = await scene.phone()
    await scene.refer(house, second)
    await scene.converse(caller, await scene.arrival(second))
    await scene.talk()
    await caller.call.press("*9")
    scene.off(caller, caller.key_up, why="objected")
    await scene.talk(1.5)


def speaks(language: str) -> Scenario:
    """Return a caller who chooses a language: they hear all of that, no more of another, and are recorded."""
    key = {"cy": "1", "en": "2"}[language]

    async def scenario(scene: Scene) -> None:
        caller, phone = await _calls(scene, "patients-line")
        caller.announcements = (scene.hospital.sound(f"choice-{language}"),)
        await caller.call.media.first_heard
        await scene.talk(0.3)
        await caller.call.press(key)
        await scene.told(caller)
        await _goes_on(scene, caller, phone)

    return scenario


async def hears_more(scene: Scene) -> None:
    """A caller asks for more, hears it, then the announcement from its beginning, and is recorded."""
    caller, phone = await _calls(scene, "english-line")
    caller.turns = 1
    await caller.call.media.first_heard
    await scene.talk(0.3)
    await caller.call.press("0")
    await scene.told(caller)
    await _goes_on(scene, caller, phone)
    assert _heard(scene, caller, "more-en") == 1


async def hears_it_again(scene: Scene) -> None:
    """A caller hears it again, and is recorded once they have heard it all."""
    caller, phone = await _calls(scene, "english-line")
    caller.turns = 1
    await caller.call.media.first_heard
    await scene.talk(0.5)
    await caller.call.press("*")
    await scene.told(caller)
    await _goes_on(scene, caller, phone)


# -- opt-in


async def agrees(scene: Scene) -> None:
    """Only after their yes is anything of them kept."""
    caller, phone = await _calls(scene, "consent-line")
    await scene.told(caller)
    await scene.talk(0.7)
    await caller.call.press("5")
    scene.off(caller, BEGINNING, caller.key_up, why="not yet agreed")
    await _goes_on(scene, caller, phone)


def does_not_agree(keys: str, *, early: bool = False) -> Scenario:
    """Return a caller who presses these keys instead, or nothing, or their yes before the question was put."""

    async def scenario(scene: Scene) -> None:
        caller, phone = await _calls(scene, "consent-line")
        caller.refused = ("not_consented", "objected")
        if early:
            await caller.call.media.first_heard
            await scene.talk(0.2)
        else:
            await scene.told(caller)
            await scene.talk(0.3)
        if keys:
            await caller.call.press(keys, gap_ms=60)
        scene.off(caller, BEGINNING, why="has not agreed")
        await _goes_on(scene, caller, phone)
        assert _heard(scene, caller, "declined-en") == 1

    return scenario


async def holds_instead(scene: Scene) -> None:
    """Whoever puts the question on hold has not agreed."""
    caller, phone = await _calls(scene, "consent-line")
    caller.refused = ("held_during_announcement",)
    await scene.told(caller)
    await scene.hold(caller)
    await scene.talk(0.5)
    await scene.unhold(caller)
    scene.off(caller, BEGINNING, why="has not agreed")
    await _goes_on(scene, caller, phone)


# -- the house's hand


def house_presses(keys: str, reason: str) -> Scenario:
    """Return one of the house who ends the recording by a key; the call goes on."""

    async def scenario(scene: Scene) -> None:
        caller, phone = await _calls(scene, "kept-line")
        caller.reasons = (reason,)
        await scene.told(caller)
        house = await _goes_on(scene, caller, phone)
        await house.call.press(keys)
        scene.off(house, house.key_up, why=reason)
        await scene.talk(1.0)
        await scene.converse(caller, house)

    return scenario


async def pauses_for_a_payment(scene: Scene) -> None:
    """A card number is keyed while the house has paused: neither voices nor keys are kept."""
    caller, phone = await _calls(scene, "kept-line")
    caller.reasons, caller.causes = ("paused",), ("payment",)
    await scene.told(caller)
    house = await _goes_on(scene, caller, phone)
    await house.call.press("*51")
    begin = house.key_up
    await scene.talk(0.6)
    await caller.call.press("4929")
    await scene.talk(0.3)
    await house.call.press("*50")
    scene.off(house, begin, house.key_up, "paused")
    await scene.talk(1.0)


async def pauses_for_a_child_and_for_capacity(scene: Scene) -> None:
    """Two pauses with a key of their own each, one after the other."""
    caller, phone = await _calls(scene, "kept-line")
    caller.reasons, caller.causes = ("paused", "paused"), ("child", "capacity")
    await scene.told(caller)
    house = await _goes_on(scene, caller, phone)
    for keys in ("*54", "*56"):
        await house.call.press(keys)
        begin = house.key_up
        await scene.talk(0.6)
        await house.call.press("*50")
        scene.off(house, begin, house.key_up, "paused")
        await scene.talk(1.0)


async def pauses_by_the_menu(scene: Scene) -> None:
    """It is paused from the key on; the house hears the question and answers it, while the caller hears music."""
    caller, phone = await _calls(scene, "kept-line")
    caller.reasons, caller.causes = ("paused",), ("distress",)
    await scene.told(caller)
    house = await _goes_on(scene, caller, phone)
    await house.call.press("*58")
    begin = house.key_up
    question = scene.hospital.prompt("causes")

    async def asked() -> bool:
        return times_heard(house.call.heard, question) == 1

    await scene.hospital.until(asked, f"{house.title} is asked what for")
    await scene.talk(1.0)
    assert music_heard(caller.call.heard.pcm[-RATE // 2 :]), "who waits hears music"
    assert not music_heard(house.call.heard.pcm[-RATE // 2 :])
    await house.call.press("3")
    await scene.converse(caller, house)
    await scene.talk()
    assert not music_heard(caller.call.heard.pcm[-RATE // 2 :])
    await house.call.press("*50")
    scene.off(house, begin, house.key_up, "paused")
    await scene.talk(1.0)


async def private_next(scene: Scene) -> None:
    """A house phone wants its next call outside unrecorded: whoever answers is told nothing; the one after it is."""
    phone = await scene.phone()
    code = await scene.dial(phone, "*57")
    await code.call.answered
    await scene.released(code)
    private, usual = scene.outsider(), scene.outsider()
    first = await scene.dial(phone, private)
    called = await scene.answered(private)
    called.reasons, called.refused = (), ("private",)
    await scene.converse(first, called)
    await scene.talk()
    called.released = True
    await scene.hangs_up(first)
    second = await scene.dial(phone, usual)
    told = await scene.answered(usual, "outgoing")
    await scene.converse(second, told)
    await scene.talk()
