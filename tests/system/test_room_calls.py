"""Calls between the house and one person outside: incoming, outgoing, forwarded, queued, to machines, to voicemail."""

import asyncio

from system.hospital import Hospital
from system.judge import play
from system.scenes import calls


def test_outgoing(hospital: Hospital) -> None:
    """Whoever is called hears the announcement once, before anybody else; or there is a reason why nothing is kept."""
    scenes = {
        "outgoing": calls.outgoing,
        "outgoing over a trunk with a house phone's name": calls.outgoing_over_the_office,
        "outgoing without an announcement": calls.outgoing_without_words,
        "outgoing over a forgotten route": calls.outgoing_past_the_gate,
        "outgoing to a person": calls.outgoing_to_a_person,
        "outgoing to an answering machine": calls.outgoing_to_a_machine,
    }
    asyncio.run(play(hospital, scenes))


def test_incoming(hospital: Hospital) -> None:
    """However a caller reaches whom they talk to; what is said before, in queue and voicemail, is not captured."""
    scenes = {
        "incoming": calls.incoming,
        "incoming in two languages": calls.incoming_in_two_languages,
        "queue": calls.queue,
        "forwarded by the dialplan": calls.forwarded_by_the_dialplan,
        "forwarded by the telephone (302)": calls.forwarded_by_the_telephone,
        "voicemail": calls.voicemail,
    }
    asyncio.run(play(hospital, scenes))
