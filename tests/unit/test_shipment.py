"""Evidence that contradicts itself ships nothing: a person must look."""

from dataclasses import replace

import pytest
from sealed_calls import at, entered, good, minted, opened, requested
from unit.test_manifest import RECORDING, WAVS, plan, without

from ari_app.core import evidence as ev
from ari_app.core import names
from ari_app.core.evidence import ContradictionError
from ari_app.core.recording import Wav


def moved(entries, kind, seconds):
    return [replace(one, at=at(seconds)) if isinstance(one, kind) else one for one in entries]


def renamed(entries):
    return [replace(one, party="p02") if isinstance(one, ev.NoticePlayed) else one for one in entries]


@pytest.mark.parametrize(
    ("entries", "text"),
    [
        ([], "does not begin"),
        (good(RECORDING)[1:], "does not begin"),
        (good(minted(2)), "another recording"),
        (good(RECORDING, format=2), "another format|other format"),
        ([*good(RECORDING), opened(RECORDING)], "opens two calls"),
        (moved(good(RECORDING), ev.NoticePlayed, 3.001), "had not been told"),
        (without(good(RECORDING), ev.NoticePlayed), "had not been told"),
        (renamed(good(RECORDING)), "had not been told"),
        (without(good(RECORDING), ev.PartyEntered), "never entered"),
        (without(good(RECORDING), ev.PermitWidened), "not in its permit"),
        (without(good(RECORDING), ev.PermitGranted, ev.PermitWidened), "not in its permit"),
    ],
)
def test_evidence_that_contradicts_itself_ships_nothing(entries, text):
    with pytest.raises(ContradictionError, match=text):
        plan(entries)


def test_tracks_of_different_rates_are_not_mixed():
    with pytest.raises(ContradictionError, match="different rates"):
        plan(good(RECORDING), {**WAVS, (1, "p02"): Wav(64000, 16000, at(8))})


def test_more_parties_than_channels_are_not_cut_off():
    entries = good(RECORDING)
    parties = [names.party_id(number) for number in range(3, 10)]
    more: list[ev.Entry] = [entered(party, contract=True, seconds=4) for party in parties]
    more.append(ev.PermitWidened(at=at(4), permit=1, parties=list(parties)))
    more += [requested(1, party, seconds=4) for party in parties]
    with pytest.raises(ContradictionError, match="9 parties"):
        plan([*entries[:-1], *more, entries[-1]])
