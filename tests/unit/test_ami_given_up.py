"""A connection to Asterisk that is given up while it is made, as when it has just died, is told once, in words."""

import asyncio

from ari_app.adapters.ami import _Manager


def test_a_login_that_is_given_up_leaves_no_traceback() -> None:
    async def scenario() -> list[dict[str, object]]:
        loop, said = asyncio.get_running_loop(), list[dict[str, object]]()
        loop.set_exception_handler(lambda _, context: said.append(context))
        waiting: asyncio.Future[object] = loop.create_future()
        waiting.add_done_callback(_Manager(loop=loop).login)
        waiting.cancel()
        await asyncio.sleep(0.01)
        return said

    assert asyncio.run(scenario()) == []
