"""A finished call is handed over when a heartbeat has covered its end, and again until that has succeeded."""

import asyncio
from typing import Any

from unit.calls import GUESTS_RECORDING, RECORDING, ms

from ari_app.adapters import journal
from ari_app.sealing import Sealing


class Journalist:
    """Keeps what it is given to seal."""

    def __init__(self):
        self.jobs: list[journal.SealCall] = []

    def submit(self, job):
        self.jobs.append(job)

    def sealed(self):
        return [job.recording for job in self.jobs]


def run(story):
    journalist = Journalist()

    async def work():
        given: Any = journalist
        sealing = Sealing(given)
        sealing.add(ms(100), RECORDING)
        sealing.add(ms(200), GUESTS_RECORDING)
        await story(sealing, journalist)

    asyncio.run(work())


def test_what_ended_up_to_the_heartbeat_is_handed_over_once():
    async def story(sealing, journalist):
        sealing.until(ms(99.999))
        assert journalist.sealed() == []
        sealing.until(ms(100))
        sealing.until(ms(199))
        assert journalist.sealed() == [RECORDING]
        sealing.until(ms(9000))
        assert journalist.sealed() == [RECORDING, GUESTS_RECORDING]
        assert sealing.waiting == []

    run(story)


def test_what_could_not_be_handed_over_waits_for_the_next_heartbeat():
    async def story(sealing, journalist):
        sealing.until(ms(100))
        # Answered on the journal's own thread.
        await asyncio.to_thread(journalist.jobs[0].done, False, "the disk is full")
        await asyncio.sleep(0)
        assert (ms(100), RECORDING) in sealing.waiting
        sealing.until(ms(150))
        await asyncio.to_thread(journalist.jobs[1].done, True, "")
        await asyncio.sleep(0)
        assert journalist.sealed() == [RECORDING, RECORDING]
        assert sealing.waiting == [(ms(200), GUESTS_RECORDING)]

    run(story)
