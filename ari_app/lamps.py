"""Which house telephones show that their conversation is captured: lit while any recording has them lit."""

from .core.names import RecordingId


class Lamps:
    """Recordings by the endpoint whose lamp they light."""

    def __init__(self) -> None:
        self._lit: dict[str, set[RecordingId]] = {}

    def turn(self, recording: RecordingId, endpoint: str, *, lit: bool) -> bool:
        """Light or darken a lamp for a recording; tell whether the lamp itself changes by that."""
        by = self._lit.setdefault(endpoint, set())
        before = bool(by)
        (by.add if lit else by.discard)(recording)
        after = bool(by)
        if not after:
            del self._lit[endpoint]
        return before != after
