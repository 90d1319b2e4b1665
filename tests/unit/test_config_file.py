"""The configuration as a file: found, read, and told in words whatever stands in it."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit import nobody
from unit.config_world import write, write_secrets
from unit.test_config import refused

from ari_app import config
from ari_app.config import InvalidConfigurationError
from ari_app.errors import CONFIGURATION, ConfigurationError


def as_nobody(file: Path) -> str:
    """Return what somebody without any right is told of a configuration."""
    return nobody.told(lambda: config.load(file, {}))


class TestFile:
    @pytest.mark.parametrize(
        ("content", "line", "expected"),
        [
            (b"", 1, "is empty"),
            (b"# nothing\n", 1, "is empty"),
            (b"- site\n", 1, "is not a list of sections"),
            (b"site: {name: x\n", 2, "is not YAML"),
            (b"site:\n\tname: x\n", 2, "indent with spaces, never with tabs"),
            (b"site: 1\nspool: \xff\n", 2, "is not UTF-8 text"),
            (b"site: 1\nspool: \x07\n", 2, "a character that cannot be printed"),
            (b"site: 1\n---\nsite: 2\n", 2, "is not YAML"),
            (b"a: " + b"[" * 5000, 1, "nested too deeply"),
            (b"- " * 5000, 1, "nested too deeply"),
            (b"\x7fELF\x02\x01\x01" + bytes(range(256)), 2, "is not UTF-8 text"),
            (b"\x00\x01\x02", 1, "a character that cannot be printed"),
            (b"%YAML 9.9\n---\nsite: 1\n", 1, "is not YAML"),
            (b"site: *nobody\n", 1, "is not YAML: found undefined alias"),
        ],
    )
    def test_a_file_that_is_no_configuration(self, tmp_path: Path, content: bytes, line: int, expected: str) -> None:
        file = tmp_path / "consentgate.yaml"
        file.write_bytes(content)
        problems = refused(file).problems
        assert expected in problems[0].text(str(file))
        assert problems[0].line == line

    @pytest.mark.parametrize(
        ("content", "expected"),
        [
            ("site: {name: a}\nsite: {name: b}\n", "site: stands twice, first in line 1"),
            ("site: {name: a, name: b}\n", "site.name: stands twice, first in line 1"),
            ("site: &x {name: *x}\n", "repeats itself through an alias"),
            ("? [a, b]\n: c\n", "has a key that is a list or a section"),
            ("site: {name: !!python/object:os.system x}\n", "site.name: cannot be read as"),
            ("retention: {a: {checked: 2026-02-30}}\n", "cannot be read as timestamp"),
            ("site: {<<: 7}\n", "merges (<<) something that is not a section"),
        ],
    )
    def test_yaml_that_would_be_read_otherwise_than_meant(self, tmp_path: Path, content: str, expected: str) -> None:
        file = tmp_path / "consentgate.yaml"
        file.write_text(content)
        assert expected in str(refused(file))

    def test_a_billion_laughs_end(self, tmp_path: Path) -> None:
        levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 9)]
        file = tmp_path / "consentgate.yaml"
        file.write_text("\n".join(["l0: &l0 [x, x, x]", *levels]))
        assert "repeats itself" in str(refused(file))

    def test_merged_keys_and_aliases_work(self, tmp_path: Path) -> None:
        file = write(tmp_path)
        text = file.read_text().replace(
            "  crisis-line:", "  other-line: {<<: *rules, numbers: ['0999']}\n  crisis-line:"
        )
        file.write_text(text.replace("  advice-line:", "  advice-line: &rules"))
        loaded = config.load(file, {})
        assert loaded.lines["other-line"].announcements == ("advice-en",)
        assert loaded.lines["other-line"].numbers == ("0999",)

    def test_a_file_that_is_not_there_or_not_readable(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match=r"there is no such file.*--config") as caught:
            config.load(tmp_path / "nothing.yaml")
        assert caught.value.exit_code == CONFIGURATION
        with pytest.raises(ConfigurationError, match="Is a directory"):
            config.load(tmp_path)
        (tmp_path / "large").write_bytes(b"#" * 2**20 + b"#")
        with pytest.raises(ConfigurationError, match="larger than"):
            config.load(tmp_path / "large")

    def test_a_folder_that_the_user_may_not_enter(self) -> None:
        with nobody.open_folder() as folder:
            closed = folder / "etc"
            closed.mkdir()
            write(closed)
            closed.chmod(0)
            told = as_nobody(closed / "consentgate.yaml")
            closed.chmod(0o700)
        assert f"Permission denied, user {nobody.name()} may not enter {closed}" in told
        assert "mode 0640 and group consentgate" in told

    def test_a_file_that_the_user_may_not_read(self) -> None:
        with nobody.open_folder() as folder:
            file = write(folder)
            file.chmod(0)
            assert f"Permission denied, user {nobody.name()} may not read it" in as_nobody(file)
            file.chmod(0o644)
            (folder / "ami.password").chmod(0)
            told = as_nobody(file)
            assert "asterisk.ami_password_file: names a file that cannot be read: Permission denied" in told

    def test_where_it_lies(self) -> None:
        assert config.default_path({}) == Path("/etc/consentgate/consentgate.yaml")
        assert config.default_path({"CONSENTGATE_CONFIG": "/x.yaml"}) == Path("/x.yaml")

    def test_relative_paths_are_meant_from_the_file_s_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write(tmp_path)
        monkeypatch.chdir(tmp_path.parent)
        relative = Path(os.path.relpath(tmp_path)) / "consentgate.yaml"
        assert config.load(relative, {}).announcements["advice-en"].file == tmp_path / "advice-en.wav"


@given(st.text(max_size=300))
def test_whatever_stands_in_the_file_it_is_told_in_words(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("any")
    write_secrets(folder)
    file = folder / "consentgate.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    assert all(problem.problem for problem in refused(file).problems)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), st.lists, max_leaves=5), st.data())
def test_whatever_a_value_is_only_configuration_errors_come(
    tmp_path_factory: pytest.TempPathFactory, value: object, data: st.DataObject
) -> None:
    path = data.draw(st.sampled_from([f"lines.advice-line.{key}" for key in config.keys_of(config.Line)] + ["parties"]))
    file = write(tmp_path_factory.mktemp("any"), (path, value if value is not None else "~"))
    try:
        config.load(file, {})
    except InvalidConfigurationError as error:
        problems = error.problems
    else:
        problems = ()
    assert all(problem.path.startswith(path.partition(".")[0]) for problem in problems)
