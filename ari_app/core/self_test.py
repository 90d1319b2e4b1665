"""Which calls are our own tests of a line (`consentgate doctor self-test`), and so nobody's: by their endpoint alone.

The endpoint stands in the journal and in the signed manifest, and Asterisk alone decides whose call is that endpoint's:
no number, name or header that a caller sends can make a patient's call into a test.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from .names import party_id

ENDPOINT = "PJSIP/consentgate-selftest"
OWNER = party_id(1)
"""Whose recording it is; another party's endpoint makes no test of it."""


def is_one(parties: Iterable[Mapping[str, Any]]) -> bool:
    """Tell from a manifest's parties, or the rows of one, whether the call was a test."""
    return any(one["party"] == OWNER and one.get("endpoint") == ENDPOINT for one in parties)
