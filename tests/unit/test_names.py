"""Names are minted from fixed alphabets; whatever else would become a path or an AMI argument is refused."""

import pytest

from ari_app.core import names
from ari_app.core.names import ChannelId, Instant, PartyId, RecordingId, UnsafeNameError


def test_a_minted_id_sorts_by_time():
    first = names.mint(Instant(1_800_000_000_000_000), b"\xff" * 10)
    second = names.mint(Instant(1_800_000_000_001_000), b"\0" * 10)
    assert first == "01MCC5RM00ZZZZZZZZZZZZZZZZ"
    assert second == "01MCC5RM010000000000000000"
    assert first < second


def test_an_id_tells_when_it_was_minted():
    for at in (0, 1_800_000_000_000_000, 1_800_000_000_001_000, 32**10 * 1000 - 1000):
        assert names.minted_at(RecordingId(names.mint(Instant(at), b"\xff" * 10))) == at


@pytest.mark.parametrize("randomness", [b"", b"x" * 9, b"x" * 11])
def test_an_id_needs_exactly_its_randomness(randomness):
    with pytest.raises(ValueError, match=f"10 bytes of randomness are needed, {len(randomness)} were given"):
        names.mint(Instant(0), randomness)


@pytest.mark.parametrize(
    "text", ["", "01MCC5RM0", "01mcc5rm00zzzzzzzzzzzzzzzz", "../01MCC5RM00ZZZZZZZZZZZZZ", "0" * 26 + "\n"]
)
def test_what_is_no_recording_id_is_refused(text):
    with pytest.raises(UnsafeNameError, match="is not a recording id"):
        names.recording_id(text)


def test_a_recording_id_is_one():
    assert names.recording_id("01MCC5RM00ZZZZZZZZZZZZZZZZ") == "01MCC5RM00ZZZZZZZZZZZZZZZZ"


@pytest.mark.parametrize("text", ["1800000000.1", "pbx1-1800000000.12", "a", "x" * 100])
def test_a_uniqueid_is_fit_for_a_file_name(text):
    assert names.channel_id(text) == text


@pytest.mark.parametrize("text", ["", "../x", "a/b", "a..b", ".hidden", "a b", "a,b", "a\n", "a\0", "ä", "x" * 101])
def test_a_uniqueid_that_is_not_fit_for_a_file_name_is_refused(text):
    with pytest.raises(UnsafeNameError, match="holds characters other than"):
        names.channel_id(text)


def test_playbacks_parties_and_files_are_named_after_what_they_belong_to():
    assert names.playback_id(ChannelId("1800000000.1"), 2) == "cg-1800000000.1-2"
    assert names.whisper_id(ChannelId("1800000000.1")) == "cg-whisper-1800000000.1"
    assert names.party_id(1) == "p01"
    assert names.track_file(1, PartyId("p02")) == "seg-001.p02.wav"
    assert names.segment_object(12) == "seg-012.flac"


def test_a_track_file_is_read_as_it_was_named():
    assert names.parse_track_file("seg-001.p02.wav") == (1, "p02")


@pytest.mark.parametrize("name", ["seg-001.p02.wav\n", "seg-1.p02.wav", "seg-001.p02.flac", "x", "/seg-001.p02.wav"])
def test_another_file_is_no_track(name):
    assert names.parse_track_file(name) is None


@pytest.mark.parametrize(
    ("prefix", "folder"),
    [("pbx", "pbx/2027/01/15/R"), ("/a/b/", "a/b/2027/01/15/R"), ("", "2027/01/15/R")],
)
def test_objects_lie_under_the_day_on_which_the_call_began(prefix, folder):
    assert names.object_folder(prefix, RecordingId("R"), Instant(1_800_000_000_000_000)) == folder


@pytest.mark.parametrize(
    ("channel", "endpoint"),
    [
        ("PJSIP/2001-0000001a", "PJSIP/2001"),
        ("PJSIP/2001-office-0000001a", "PJSIP/2001-office"),
        ("Local/2001@ward-00000001;1", "Local/2001@ward"),
        ("PJSIP/2001", "PJSIP/2001"),
        ("", ""),
    ],
)
def test_an_endpoint_ends_at_the_last_dash(channel, endpoint):
    assert names.endpoint_of(channel) == endpoint


def test_instants_are_written_with_microseconds_and_read_back():
    assert names.iso(Instant(1_800_000_000_000_007)) == "2027-01-15T08:00:00.000007Z"
    assert names.instant_of("2027-01-15T08:00:00.000007Z") == 1_800_000_000_000_007
    assert names.instant_of("2027-01-15T08:00:00.123+0000") == 1_800_000_000_123_000
