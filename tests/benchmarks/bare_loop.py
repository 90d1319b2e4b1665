"""The reference: the least that announces and records through ARI and AMI, with the libraries that the gate uses.

`aiohttp` and `panoramisk`: answer, play, MixMonitor, continue. No evidence, no proof that the announcement was heard,
no lifeline, no error handling; the same event filters as the gate, so that both are told the same. Its settings
come as one JSON object on stdin; for each further line there it prints what it measured since the last one:
`[[PlaybackFinished, MixMonitor confirmed], …]` in microseconds since 1970 UTC.
"""

import asyncio
import json
import logging
import sys
import threading
import time
from datetime import datetime
from typing import Any

import aiohttp
import panoramisk


def instant(stamp: str) -> int:
    """Return ARI's stamp in microseconds."""
    return round(datetime.fromisoformat(stamp).timestamp() * 1_000_000)


class BareLoop:
    """Every channel that enters the application goes through the same four steps."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.measured: list[tuple[int, int]] = []
        self.tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Serve until killed."""
        said = self.settings
        loop = asyncio.get_running_loop()
        quiet = logging.getLogger("quiet")
        quiet.setLevel(logging.CRITICAL)
        self.ami = panoramisk.Manager(
            loop=loop, host=said["ami_host"], port=said["ami_port"], username=said["user"], secret=said["secret"],
            log=quiet, ping_delay=3600, ping_interval=3600,
        )  # fmt: skip
        # The gate looks at every event it asked for; so does this.
        self.ami.register_event("*", lambda _manager, _message: None)
        await self.ami.connect()
        for one in said["ami_filters"]:
            await self.ami.send_action({"Action": "Filter", "Operation": "Add", **one})
        async with aiohttp.ClientSession(
            auth=aiohttp.BasicAuth(said["user"], said["secret"]),
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=60),
        ) as self.http:
            parameters = {"app": said["application"], "subscribeAll": "false"}
            async with self.http.ws_connect(f"{said['ari_url']}/events", params=parameters) as socket:
                allowed = {"allowed": [{"type": name} for name in said["ari_events"]]}
                await self.request("PUT", f"/applications/{said['application']}/eventFilter", json=allowed)
                print(json.dumps("ready"), flush=True)
                threading.Thread(target=self.answer_questions, daemon=True).start()
                async for message in socket:
                    event = json.loads(message.data)
                    if event["type"] == "StasisStart":
                        self.spawn(self.arrived(event["channel"]["id"]))
                    elif event["type"] == "PlaybackFinished":
                        self.spawn(self.played(event["playback"]["target_uri"][8:], instant(event["timestamp"])))

    def spawn(self, work: Any) -> None:
        """Work beside everything else."""
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def request(self, method: str, path: str, **arguments: Any) -> None:
        """One REST call."""
        async with self.http.request(method, self.settings["ari_url"] + path, **arguments) as response:
            await response.read()

    async def arrived(self, channel: str) -> None:
        """Answer and play."""
        await self.request("POST", f"/channels/{channel}/answer")
        media = {"media": f"sound:{self.settings['announcement']}"}
        await self.request("POST", f"/channels/{channel}/play/bare-{channel}", params=media)

    async def played(self, channel: str, finished_at: int) -> None:
        """Capture and let go."""
        options = f"r({self.settings['audio']}/{channel}.wav)i(BENCH_MONITOR_ID)"
        await self.ami.send_action({"Action": "MixMonitor", "Channel": channel, "Options": options})
        self.measured.append((finished_at, time.time_ns() // 1000))
        await self.request("POST", f"/channels/{channel}/continue")

    def answer_questions(self) -> None:
        """On a thread of its own, which sleeps but for one line a round."""
        for _ in sys.stdin:
            measured, self.measured = self.measured, []
            print(json.dumps(measured), flush=True)


if __name__ == "__main__":
    asyncio.run(BareLoop(json.loads(sys.stdin.readline())).run())
