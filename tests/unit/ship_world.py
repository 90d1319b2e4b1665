"""Ship with both ports in memory: one spool, and the two places where things go."""

from io import BytesIO

import soundfile

from ari_app.adapters.memory import MemoryDatabase, MemoryStore
from ari_app.ship import Ship


def said(capsys):
    """Return the log, wherever an unconfigured structlog writes it."""
    return "".join(capsys.readouterr())


class World:
    """One spool and the two places where things go."""

    def __init__(self, synthetic):
        self.synthetic, self.layout = synthetic, synthetic.layout
        self.store, self.database = MemoryStore(), MemoryDatabase()
        self.signer = None

    def ship(self):
        return Ship(self.layout, self.store, self.database, "calls", "pbx1", once=True, signer=self.signer)

    def run(self):
        return self.ship().run()

    def names(self, folder):
        return sorted(path.name for path in getattr(self.layout, folder).iterdir())


def sound(world, recording, segment=1):
    key = f"calls/2026/11/22/{recording}/seg-{segment:03d}.flac"
    return soundfile.read(BytesIO(world.store.objects[key]), dtype="int16")[0]


def failing(error, times=10**9):
    left = iter(range(times))

    def fail(*_arguments):
        if next(left, None) is None:
            return
        raise error

    return fail
