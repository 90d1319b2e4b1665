"""The configuration: what a right one gives, and how each wrong one is told."""

import pickle
import re
from datetime import date
from pathlib import Path

import pytest
from unit.config_world import SECRETS, write

from ari_app import config
from ari_app.config import InvalidConfigurationError, Secret
from ari_app.core.free_space import Floor
from ari_app.core.policy import Capture, Mode, OnObjection

EXAMPLE = Path(__file__).parents[2] / "deploy" / "consentgate.yaml"
CALLED: tuple[str, object] = ("lines.advice-line.outgoing_announcements", ["advice-en"])


def refused(file: Path, environment: dict[str, str] | None = None) -> InvalidConfigurationError:
    with pytest.raises(InvalidConfigurationError) as caught:
        config.load(file, environment or {})
    return caught.value


def told(file: Path, environment: dict[str, str] | None = None) -> list[tuple[str, str]]:
    return [(item.path, f"{item.problem}: {item.hint}") for item in refused(file, environment).problems]


def test_a_right_configuration_gives_plain_values(tmp_path: Path) -> None:
    loaded = config.load(write(tmp_path), {})
    assert loaded.site.name == "St Elsewhere Hospital"
    assert loaded.asterisk.ami_port == 5038
    assert loaded.asterisk.ari_password.reveal() == "ari-secret"
    assert loaded.spool.path == Path("/var/spool/consentgate")
    assert loaded.spool.stop_below_free == Floor(2 * 2**30)
    assert loaded.s3.prefix == "calls"
    assert loaded.s3.secret_key == Secret("s3-secret")
    line = loaded.lines["advice-line"]
    assert (line.mode, line.capture, line.max_seconds) == (Mode.ANNOUNCE, Capture.CONVERSATION, 10800)
    assert line.announcements == ("advice-en",)
    assert loaded.announcements["advice-en"].file == tmp_path / "advice-en.wav"
    assert loaded.parties.staff == frozenset({"PJSIP/2001", "PJSIP/2002"})
    assert str(loaded.retention["health_record"].keep) == "8 years"
    assert loaded.retention["health_record"].checked == date(2026, 11, 1)


def test_a_spool_below_a_hidden_folder_is_a_spool(tmp_path: Path) -> None:
    loaded = config.load(write(tmp_path, ("spool.path", "/home/pbx/.cache/spool")), {})
    assert loaded.spool.path == Path("/home/pbx/.cache/spool")


def test_it_is_frozen(tmp_path: Path) -> None:
    loaded = config.load(write(tmp_path), {})
    with pytest.raises(ValueError, match="frozen"):
        loaded.s3.bucket = "another"


def test_the_example_for_administrators_loads_and_shows_every_key(tmp_path: Path) -> None:
    text = EXAMPLE.read_text()
    for name in set(re.findall(r"^ +\w+_file: (\S+)", text, re.MULTILINE)):
        secret = tmp_path / name
        secret.parent.mkdir(exist_ok=True)
        secret.write_text(SECRETS[secret.name])
    file = tmp_path / "consentgate.yaml"
    file.write_text(text)
    loaded = config.load(file, {})
    assert {line.mode for line in loaded.lines.values()} == {Mode.ANNOUNCE_OPT_OUT, Mode.NEVER}
    sections: list[type[config.Section]] = [config.Config, *config.SECTIONS]
    undocumented = [
        f"{section.__name__}.{key}" for section in sections for key in config.keys_of(section) if f"{key}:" not in text
    ]
    assert undocumented == []


def test_nothing_prints_a_secret(tmp_path: Path) -> None:
    loaded = config.load(write(tmp_path), {})
    printed = repr(loaded) + str(loaded) + loaded.asterisk.ari_password.__format__("") + f"{loaded.postgres.dsn!r}"
    assert not [text for text in SECRETS.values() if text.strip() in printed]
    with pytest.raises(TypeError, match="not written to a file"):
        pickle.dumps(loaded.asterisk.ari_password)


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("site.name", 7, 'must be text: put it in quotes: "7"'),
        ("site.name", "  ", "is empty: write it out"),
        ("site.node", "PBX 1", "is not a name: 1 to 40 of a-z, 0-9 and -, no - at the ends"),
        ("site.default_language", False, 'must be text: put it in quotes: "false"'),
        ("asterisk.ari_url", "127.0.0.1:8088", "is not an http:// or https:// address: for example"),
        ("asterisk.ari_url", "http://u:p@127.0.0.1/ari", "holds a user or password: those have keys of their own"),
        ("asterisk.ari_url", "http://127.0.0.1:99999/ari", "is not an http:// or https:// address"),
        ("asterisk.ari_url", "http://127.0.0.1/ari?api_key=1", "holds more than an address"),
        ("asterisk.ari_user", "a:b", "is not a user's name"),
        ("asterisk.ami_port", 70000, "must be less than or equal to 65535"),
        ("asterisk.ami_port", True, "must be a valid integer"),
        ("asterisk.ami_user", "a\r\nAction: Originate", "is not a user's name"),
        ("asterisk.ari_pasword_file", "x", "is not a key of this section: did you mean ari_password_file?"),
        ("asterisk.ari_password_file", "nowhere", "names a file that does not exist"),
        ("asterisk.ari_password_file", 7, "must be the path of a file"),
        ("spool.path", "var/spool", "must be an absolute path of plain characters"),
        ("spool.path", "/var/spool/a,b", "must be an absolute path of plain characters"),
        ("spool.path", "/var/spool/../etc", "must be an absolute path of plain characters"),
        ("spool.path", "/var/spool/.", "must be an absolute path of plain characters"),
        ("spool.path", "/var//spool", "must be an absolute path of plain characters"),
        ("spool.path", "/" + "x" * 200, "is longer than 180 characters"),
        ("spool.stop_below_free", 2, "must be text: for example 2GiB or 5%"),
        ("spool.stop_below_free", "2 gigs", "is not a size: a number and one of B, kB"),
        ("spool.stop_below_free", "5 percent", "or a part of the file system (5%): for example 2GiB or 5%"),
        ("spool.stop_below_free", "91%", "is more than 90 % of the file system: for example 2GiB or 5%"),
        ("s3.bucket", "My_Bucket", "is not a bucket's name"),
        ("s3.region", "EU West", "is not a region"),
        ("s3.prefix", "/calls", "is not a prefix of plain words between slashes"),
        ("s3.prefix", "a/../b", "is not a prefix of plain words between slashes"),
        ("s3.encryption", "aes256", "is not one of AES256, aws:kms: did you mean AES256?"),
        ("lines", {}, "must be a section of keys|should have at least 1 item"),
        ("lines", ["advice-line"], "must be a section of keys: with at least one entry"),
        ("lines.advice-line.repeat_key", "12", "is not one key of a telephone"),
        ("lines.advice-line.repeat_key", True, "is not one key of a telephone"),
        ("lines.advice-line.choice_seconds", 2, "must be greater than or equal to 3"),
        ("lines.advice-line.mode", "anounce", "is not a mode: did you mean announce?"),
        ("lines.advice-line.mode", None, "is missing: for example mode: announce"),
        ("lines.advice-line.capture", "always", "is not one of conversation, after_announcement"),
        ("lines.advice-line.max_hours", 0, "must be a number of hours"),
        ("lines.advice-line.max_hours", 25, "must be a number of hours"),
        ("lines.advice-line.max_hours", True, "must be a number of hours"),
        ("lines.advice-line.discard_window_seconds", -1, "must be greater than or equal to 0"),
        ("lines.advice-line.machine_detection", "maybe", "must be a valid boolean"),
        ("lines.advice-line.machine_detection", True, "has no effect without outgoing_announcements: it only delays"),
        ("lines.advice-line.on_objection", "leave-out", "is not one of stop, leave_out: did you mean leave_out?"),
        (
            "lines.advice-line.outgoing_announcements",
            "advice-en",
            "must be a list: for example outgoing_ann",
        ),
        ("emergency_numbers", "999", "must be a list: for example emergency_numbers: [999]"),
        ("lines.advice-line.purposes", "audit", "must be a list: for example purposes: [audit]"),
        ("lines.advice-line.retention", "helth_record", "is not a class of the section retention: did you mean health"),
        ("announcements.advice-en.language", "english", "is not a language"),
        ("announcements.advice-en.text", None, "is missing: for example text:"),
        ("announcements.advice-en.file", "", "must be the path of a file"),
        ("retention.health_record.keep", "8 years", "is not a period: a number from 1 and d, w, m (months) or y"),
        ("retention.health_record.from", "birth", "is not one of call, last_contact"),
        ("retention.health_record.citation", None, "is missing"),
        ("retention.health_record.checked", "soon", "is not a date: year, month and day: 2026-11-01"),
        ("postgres", "postgresql://u:p@h/d", "must be a section of keys: with the keys dsn_file"),
        ("extra", {}, "is not a key of this section: known here: site, asterisk, spool, ship, s3"),
    ],
)
def test_a_wrong_value_is_told_with_its_place_and_a_hint(
    tmp_path: Path, path: str, value: object, expected: str
) -> None:
    found = told(write(tmp_path, (path, value)))
    assert [place for place, _ in found] == [path]
    assert any(text in found[0][1] for text in expected.split("|")), found


@pytest.mark.parametrize(
    ("changes", "place", "expected"),
    [
        (
            [("lines.advice-line.announcements", ["advice-eng"])],
            "lines.advice-line.announcements[0]",
            "is not defined: did you mean advice-en?",
        ),
        (
            [("lines.advice-line.announcements", ["advice-en", "advice-en"])],
            "lines.advice-line.announcements[1]",
            "stands twice in this list",
        ),
        (
            [("lines.advice-line.announcements", None)],
            "lines.advice-line.announcements",
            "is missing: nobody would be told anything: name at least one: advice-en",
        ),
        (
            [("lines.crisis-line.reason", None)],
            "lines.crisis-line.reason",
            "is missing: a line of mode never must give one: say why",
        ),
        (
            [("lines.crisis-line.numbers", ["01632960111"])],
            "lines.crisis-line.numbers[0]",
            "stands already in lines.advice-line.numbers",
        ),
        (
            [("lines.advice-line.numbers", ["01632 960111"])],
            "lines.advice-line.numbers[0]",
            "is not a telephone number",
        ),
        ([("lines.advice-line.numbers", [1632])], "lines.advice-line.numbers[0]", 'put it in quotes: "1632"'),
        ([("lines.s", {"mode": "never", "reason": "x"})], "lines.s", "is a name that Asterisk uses itself"),
        (
            [("lines.crisisline", {"mode": "never", "reason": "x"})],
            "lines.crisisline",
            "is to Asterisk the same extension as crisis-line",
        ),
        ([("lines.Crisis", {"mode": "never", "reason": "x"})], "lines.Crisis", "is not a name"),
        (
            [("announcements.advice-en.text", "This is ST\nElsewhere  hospital."), CALLED],
            "lines.advice-line.outgoing_announcements[0]",
            "says the site's name to whoever answers, who may not be the patient: word announcements.advice-en.text",
        ),
        (
            [("lines.advice-line.outgoing_announcements", ["advice-en", "advice-en"])],
            "lines.advice-line.outgoing_announcements[1]",
            "stands twice in this list",
        ),
        (
            [("lines.advice-line.outgoing_announcements", ["advice-eng"])],
            "lines.advice-line.outgoing_announcements[0]",
            "is not defined: did you mean advice-en?",
        ),
        ([("emergency_numbers", ["999", "999"])], "emergency_numbers[1]", "stands twice in this list"),
        ([("emergency_numbers", [112])], "emergency_numbers[0]", 'put it in quotes: "112"'),
        ([("emergency_numbers", ["+999"])], "emergency_numbers[0]", "is not a number that a telephone dials"),
        ([("emergency_numbers", ["9"])], "emergency_numbers[0]", "is not a number that a telephone dials"),
        (
            [("emergency_numbers", ["01632960111"])],
            "emergency_numbers[0]",
            "is also a number of the line advice-line, which is announced: take it out of lines.advice-line.numbers",
        ),
        ([("parties.trunks", ["PJSIP/2001"])], "parties.trunks[0]", "stands already in parties.staff"),
        ([("parties.staff", ["PJSIP/2*"])], "parties.staff[0]", "is not an endpoint's exact name"),
        ([("parties.staff", ["2001"])], "parties.staff[0]", "no patterns: PJSIP/2001"),
        ([("s3.access_key_file", None)], "s3.access_key_file", "is missing, although secret_key is there"),
        ([("s3.encryption", "aws:kms")], "s3.kms_key_id", "is missing: aws:kms needs it"),
        ([("s3.kms_key_id", "alias/x")], "s3.kms_key_id", "has no effect without encryption: aws:kms"),
        ([("asterisk.ami_password", "hunter2")], "asterisk.ami_password", "does not stand in the configuration itself"),
        ([("signing.key_file", "numbers.key")], "signing.key_file", "is the key for telephone numbers: make another"),
        ([("signing.public_keys", ["ABC"])], "signing.public_keys[0]", "is not a public key"),
        (
            [("signing.public_keys", [SECRETS["signing.key"].strip()])],
            "signing.public_keys[0]",
            "is the secret key itself",
        ),
        ([("numbers", None)], "numbers.key", "is missing: write key_file"),
        ([("asterisk", None)], "asterisk", "is missing"),
    ],
)
def test_a_rule_between_values_is_told_at_the_value_that_breaks_it(
    tmp_path: Path, changes: list[tuple[str, object]], place: str, expected: str
) -> None:
    found = told(write(tmp_path, *changes))
    assert [path for path, _ in found] == [place]
    assert expected in found[0][1]


def test_a_line_may_call_only_or_never_and_an_emergency_number_may_be_of_a_never_line(tmp_path: Path) -> None:
    changes: list[tuple[str, object]] = [CALLED, ("lines.advice-line.announcements", None)]
    changes += [("lines.advice-line.machine_detection", True), ("emergency_numbers", ["999", "01632960199", "*112#"])]
    loaded = config.load(write(tmp_path, *changes), {})
    line = loaded.lines["advice-line"]
    assert (line.announcements, line.outgoing_announcements) == ((), ("advice-en",))
    assert (line.machine_detection, line.on_objection) == (True, OnObjection.STOP)
    assert loaded.emergency_numbers == ("999", "01632960199", "*112#")


def test_a_never_line_may_keep_its_announcements_so_that_one_word_silences_it(tmp_path: Path) -> None:
    changes = [("lines.advice-line.mode", "never"), ("lines.advice-line.reason", "complaint of today")]
    assert config.load(write(tmp_path, *changes), {}).lines["advice-line"].mode is Mode.NEVER


def test_without_any_s3_key_the_instance_s_own_role_is_used(tmp_path: Path) -> None:
    loaded = config.load(write(tmp_path, ("s3.access_key_file", None), ("s3.secret_key_file", None)), {})
    assert loaded.s3.access_key is None
    assert loaded.s3.secret_key is None


def test_a_misplaced_secret_is_not_repeated_in_the_message(tmp_path: Path) -> None:
    file = write(tmp_path, ("asterisk.ami_password", "hunter2"), ("s3.secret", "hunter3"))
    text = str(refused(file))
    assert "(value ***)" in text
    assert "hunter" not in text
    file = write(tmp_path, ("asterisk.ari_url", "http://u:hunter4@127.0.0.1/ari"))
    assert "hunter4" not in str(refused(file))


def test_a_site_without_a_key_for_signatures_is_as_it_was(tmp_path: Path) -> None:
    signing = config.load(write(tmp_path, ("signing", None)), {}).signing
    assert (signing.key, signing.public_keys) == (None, ())


class TestSecrets:
    def test_a_file_wins_over_a_credential_wins_over_the_environment(self, tmp_path: Path) -> None:
        credentials = tmp_path / "credentials"
        credentials.mkdir()
        (credentials / "ami_password").write_text("from systemd\n")
        environment = {"CREDENTIALS_DIRECTORY": str(credentials), "CONSENTGATE_AMI_PASSWORD": "from environment"}
        loaded = config.load(write(tmp_path), environment)
        assert loaded.asterisk.ami_password.reveal() == "ami-secret"
        without_file = write(tmp_path, ("asterisk.ami_password_file", None))
        assert config.load(without_file, environment).asterisk.ami_password.reveal() == "from systemd"
        del environment["CREDENTIALS_DIRECTORY"]
        assert config.load(without_file, environment).asterisk.ami_password.reveal() == "from environment"

    def test_sections_that_hold_only_a_secret_may_be_left_out_with_systemd(self, tmp_path: Path) -> None:
        environment = {
            "CONSENTGATE_NUMBERS_KEY": SECRETS["numbers.key"],
            "CONSENTGATE_POSTGRES_DSN": SECRETS["postgres.dsn"],
        }
        loaded = config.load(write(tmp_path, ("numbers", None), ("postgres", None)), environment)
        assert loaded.postgres.dsn.reveal().endswith("/consentgate")

    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            (b"", "is empty"),
            (b"\n", "is empty"),
            (b"one\nAction: Originate", "holds more than one line"),
            (b"\xff\xfe", "is not UTF-8 text"),
            (b"x" * 70_000, "of more than 65536 bytes"),
        ],
    )
    def test_a_secret_s_file_holds_one_line(self, tmp_path: Path, content: bytes, expected: str) -> None:
        file = write(tmp_path)
        (tmp_path / "ami.password").write_bytes(content)
        found = told(file)
        assert found[0][0] == "asterisk.ami_password_file"
        assert expected in found[0][1]

    def test_a_folder_is_no_secret(self, tmp_path: Path) -> None:
        file = write(tmp_path, ("asterisk.ami_password_file", "."))
        assert "cannot be read: Is a directory" in told(file)[0][1]

    def test_a_number_key_that_is_no_key_and_an_address_that_is_none(self, tmp_path: Path) -> None:
        file = write(tmp_path)
        (tmp_path / "numbers.key").write_text("secret123")
        (tmp_path / "postgres.dsn").write_text("127.0.0.1")
        found = dict(told(file))
        assert "32 random bytes" in found["numbers.key_file"]
        assert "does not hold the address of a database" in found["postgres.dsn_file"]
        assert "secret123" not in str(refused(file))
