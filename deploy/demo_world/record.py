"""`world.json`: what a later process must know to find a world again. No secrets."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from .ports import Ports
from .settings import Options, write_own


@dataclass(frozen=True, slots=True)
class Record:
    """One world as it was last left."""

    command: tuple[str, ...]
    ignore_installed: bool
    options: Options
    ports: Ports

    def write(self, root: Path) -> None:
        """Replace the record; a reader sees the old one or the new one, whole."""
        text = {
            "format": 1,
            "command": list(self.command),
            "ignore_installed": self.ignore_installed,
            "options": self.options.to_json(),
            "ports": asdict(self.ports),
        }
        write_own(root / "world.json", json.dumps(text, indent=1), 0o644)

    @classmethod
    def read(cls, root: Path) -> "Record | None":
        """Read it; None if there is no world."""
        try:
            said = json.loads((root / "world.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return cls(
            command=tuple(said["command"]),
            ignore_installed=said["ignore_installed"],
            options=Options.from_json(said["options"]),
            ports=Ports.from_json(said["ports"]),
        )
