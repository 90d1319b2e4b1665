"""Figures that tests and bench quote: printed, kept, and measured at the samples themselves."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from canary import find_reference
from telephone import FRAME_SAMPLES, Call, Instant

from .evidence import Evidence

FILE_VARIABLE: Final = "CONSENTGATE_FIGURES"
_FRAME_US: Final = 20_000


def report(title: str, figures: Mapping[str, Any]) -> None:
    """Print figures, and append them as a line of JSON to the file that CONSENTGATE_FIGURES names."""
    line = json.dumps({"scene": title, **figures}, sort_keys=True)
    print(line)
    if name := os.environ.get(FILE_VARIABLE):
        with Path(name).open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")


def first_sample_delay_ms(found: Evidence, call: Call, party: str, bridged_at: Instant) -> float | None:
    """How long after they were bridged the first stored packet of a party reached Asterisk; None if none is stored.

    Up to a frame may come before: it was in Asterisk's hands when the bridge began.
    """
    arrivals = [
        call.sent_at(sample) + call.delay_us
        for track in found.manifest["tracks"]
        if track["party"] == party and track["channel"] is not None
        for span in find_reference(found.channel(track["channel"], track["segment"]), call.sent).spans
        for sample in range(span.sent_start, span.sent_end, FRAME_SAMPLES)
    ]
    after = [at for at in arrivals if at >= bridged_at - _FRAME_US]
    return (min(after) - bridged_at) / 1000 if after else None
