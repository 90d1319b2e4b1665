"""Who need not be told: numbers that are never recorded, emergency calls, and telephones of the house."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from . import arguments
from .dialplan import Dialplan

_PARTY: Final = re.compile(r"consentgate-party\b")
_LOCAL: Final = re.compile(r"Local/([^@/&,]+)@([^/&,]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Told:
    """From the configuration: exact names of the house's endpoints, and numbers that pass the gate by."""

    staff: frozenset[str]
    exempted: frozenset[str]

    def exempt(self, extension: str) -> bool:
        """Tell whether an extension is a number that is not recorded at all, so that no gate belongs before it."""
        return extension.partition("/")[0].lstrip("+") in self.exempted

    def locals(self, data: str) -> Iterator[tuple[str, str, str]]:
        """Yield context, extension and priority behind each Local channel of a Dial."""
        for extension, context in _LOCAL.findall(arguments.split(data)[0]):
            yield context.strip(), extension.strip(), "1"

    def dialled(self, data: str, dialplan: Dialplan) -> bool:
        """Tell whether everybody whom a Dial rings is told: by its U(), by contract, or by the Dial behind a Local."""
        parts = arguments.split(data)
        options = dialplan.value(parts[2]) if len(parts) > 2 else ""  # noqa: PLR2004 - who, how long, options
        if _PARTY.search(arguments.letters(options).get("U", "")):
            return True
        targets = [one.strip() for one in dialplan.value(parts[0]).split("&") if one.strip()]
        return bool(targets) and all(one in self.staff or one.lower().startswith("local/") for one in targets)
