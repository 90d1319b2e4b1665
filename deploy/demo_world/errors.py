"""What can go wrong while a world is built or started.

One class: whoever runs the demo can only read the message and act on it. Each message says what failed,
on what, why, and what to do; `__main__` prints it without a traceback.
"""


class WorldError(Exception):
    """A world could not be built, started or stopped; the message is for a person."""
