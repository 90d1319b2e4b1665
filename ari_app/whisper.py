"""Says something to a caller who waits in a queue or a menu, and leaves them there.

No feature of Asterisk's listens to who is in no bridge, so no line of the dialplan can answer their keys; and whatever
would play to their channel itself would take them out of the queue, or end its music. A snoop channel does neither: it
hears nothing (`spy=none`) and its sound is mixed into what they alone hear. It needs something to be mixed into: where
a channel is sent nothing at all, not even music, nothing is heard.
"""

import asyncio
from typing import Final

from . import log
from .adapters.ami import Ami
from .adapters.ari import Ari, Reply
from .core.names import ChannelId, playback_id, whisper_id
from .core.policy import Announcement

TONES: Final = "!800/120|!0/40|!500/160|!0/2000"
"""What the dialplan's own key plays where a line has no words for a no ([consentgate-tone], off)."""

TONES_SECONDS: Final = 0.4
AFTER_SECONDS: Final = 0.1
LIFELINE_SECONDS: Final = 3
"""Beyond what is said: a channel of a gate that died meanwhile ends by itself."""

ENTERS_SECONDS: Final = 0.5
LOOK_SECONDS: Final = 0.01
_log = log.get("gate")


async def whisper(ari: Ari, ami: Ami, channel: ChannelId, words: Announcement | None) -> bool:
    """Say the words, or the tones for a no; tell whether it was said. A channel is spoken to once at a time."""
    whisperer = whisper_id(channel)
    seconds = words.duration_ms / 1000 if words else TONES_SECONDS
    if await ari.whisper(channel, whisperer) is Reply.NO:
        return False
    try:
        await ami.set(whisperer, "TIMEOUT(absolute)", f"{seconds + LIFELINE_SECONDS:.3f}")
        if not await _says(ari, whisperer, words):
            hint = "Whoever said no while they waited has not heard that it was heard. Is res_stasis_snoop loaded?"
            _log.warning("objection.not_confirmed", hint=hint)
            return False
        await asyncio.sleep(seconds + AFTER_SECONDS)
        return True
    finally:
        await ari.hang_up(whisperer)


async def _says(ari: Ari, whisperer: ChannelId, words: Announcement | None) -> bool:
    """Begin to play. Until the channel has come to our application Asterisk says no."""
    playback = playback_id(whisperer, 1)
    for _ in range(round(ENTERS_SECONDS / LOOK_SECONDS)):
        if words is None:
            reply = await ari.play_tones(whisperer, playback, TONES)
        else:
            reply = await ari.play(whisperer, playback, words.path)
        if reply is not Reply.NO:
            return reply is Reply.YES
        await asyncio.sleep(LOOK_SECONDS)
    return False
