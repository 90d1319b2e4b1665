"""Which calls are the gate's: those of which any channel is or was in its hands.

Asterisk gives all channels of a call one linked id, and whoever is joined to a call takes on the call's. It is never
divided again, so a call once gated stays so through every transfer, with whoever is left in it.
"""

from ari_app.core.names import ChannelId

from .asterisk import Pbx
from .vitals import Vitals

MOST = 20_000
"""More calls than a PBX has at one time; the oldest are forgotten first."""


class Calls:
    """The linked ids of the gate's calls."""

    def __init__(self, pbx: Pbx, vitals: Vitals) -> None:
        self._pbx, self._vitals = pbx, vitals
        self._gated: dict[str, None] = {}

    def note(self, linked: str) -> None:
        """A channel of this call is in the gate's hands."""
        if linked and linked not in self._gated:
            self._gated[linked] = None
            if len(self._gated) > MOST:
                del self._gated[next(iter(self._gated))]

    async def gated(self, channel: ChannelId) -> bool:
        """Tell whether this channel's call is the gate's. When Asterisk does not say, it may be."""
        seen = await self._pbx.seen(channel)
        if seen is None:
            return True
        if seen.gated or self._vitals.live(channel):
            self.note(seen.linked)
        return seen.linked in self._gated
