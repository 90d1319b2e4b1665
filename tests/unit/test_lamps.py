"""A telephone's lamp is lit while any recording has it lit, and changes only then."""

from unit.calls import GUESTS_RECORDING, RECORDING

from ari_app.lamps import Lamps

PHONE, OTHER = "PJSIP/2001", "PJSIP/2002"


def test_a_lamp_is_turned_on_and_off_once():
    lamps = Lamps()
    assert not lamps.turn(RECORDING, PHONE, lit=False)
    assert lamps.turn(RECORDING, PHONE, lit=True)
    assert not lamps.turn(RECORDING, PHONE, lit=True)
    assert lamps.turn(RECORDING, PHONE, lit=False)
    assert not lamps.turn(RECORDING, PHONE, lit=False)


def test_a_lamp_is_dark_when_the_last_recording_has_let_it_go():
    lamps = Lamps()
    assert lamps.turn(RECORDING, PHONE, lit=True)
    assert not lamps.turn(GUESTS_RECORDING, PHONE, lit=True)
    assert lamps.turn(RECORDING, OTHER, lit=True)
    assert not lamps.turn(RECORDING, PHONE, lit=False)
    assert lamps.turn(GUESTS_RECORDING, PHONE, lit=False)
