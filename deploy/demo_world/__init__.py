"""The private world that the demo and the system tests stand on.

A real Asterisk, PostgreSQL and S3 server, each under a user of its own and on loopback only, below one
directory, with nothing installed on the machine. Not part of the product: no file of `ari_app` imports it.
"""

from .errors import WorldError
from .progress import Progress
from .settings import LINES, Options
from .voices import ANNOUNCEMENTS, Announcement, Studio
from .world import World

__all__ = ["ANNOUNCEMENTS", "LINES", "Announcement", "Options", "Progress", "Studio", "World", "WorldError"]
