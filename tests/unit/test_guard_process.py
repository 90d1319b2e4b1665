"""The guard's end: what it has begun to take away is taken away, and nothing keeps it from ending."""

import asyncio

from ari_app.guard import process


def test_what_is_half_done_is_done_before_the_end():
    done = []

    async def quarantine():
        await asyncio.sleep(0.01)
        done.append("quarantined")

    async def story():
        await process.finish({asyncio.ensure_future(quarantine())}, 5.0)

    asyncio.run(story())
    assert done == ["quarantined"]


def test_what_never_ends_does_not_keep_the_guard():
    async def story():
        work = asyncio.ensure_future(asyncio.sleep(3600))
        await process.finish({work}, 0.01)
        assert not work.done()
        work.cancel()
        await process.finish(set(), 0.01)

    asyncio.run(story())
