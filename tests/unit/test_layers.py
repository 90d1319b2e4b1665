"""Who may import whom, judged by a machine: layers keep the decisions pure and the adapters exchangeable."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE_MAY_IMPORT = {
    "collections.abc",
    "dataclasses",
    "datetime",
    "enum",
    "hashlib",
    "itertools",
    "json",
    "re",
    "typing",
}
"""Data and arithmetic: none of these reads a clock, a file or a socket."""

MAY_IMPORT_ADAPTERS = {
    "ari_app/anchoring.py",
    "ari_app/gate.py",
    "ari_app/dispatcher.py",
    "ari_app/executor.py",
    "ari_app/inherited.py",
    "ari_app/pulse.py",
    "ari_app/settling.py",
    "ari_app/sealing.py",
    "ari_app/shipping.py",
    "ari_app/whisper.py",
}
"""The processes and their hands; every file below ari_app/commands/, ari_app/guard/ and ari_app/ship/ as well."""

ONE_ADAPTER_IN_SEVERAL_FILES = {
    "postgres": {"rows", "schema"},
    "s3": {"s3_client", "s3_multipart"},
    "s3_bucket": {"s3_client"},
}
"""Parts of one adapter, in files of their own."""

MOST_LINES = 350


def sources(folder: str) -> list[Path]:
    found = sorted((ROOT / folder).rglob("*.py"))
    assert found, f"{folder} holds no sources: this test would prove nothing"
    return found


def name_of(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def imports(file: Path) -> Iterator[str]:
    """Yield every module that a file imports, anywhere in it, by its full name."""
    package = file.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from (one.name for one in names)
            case ast.ImportFrom(module=module, level=level, names=names):
                base = [*package[: len(package) - level + 1]] if level else []
                whole = ".".join([*base, *([module] if module else [])])
                yield whole
                # `from . import ami` names the module only here.
                yield from (f"{whole}.{one.name}" for one in names)
            case _:
                pass


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


@pytest.mark.parametrize("file", sources("ari_app/core"), ids=name_of)
def test_the_core_imports_itself_and_data_modules_alone(file):
    foreign = {
        module
        for module in imports(file)
        if not within(module, "ari_app.core")
        and module not in CORE_MAY_IMPORT
        and module.rpartition(".")[0] not in CORE_MAY_IMPORT
    }
    assert foreign == set(), (
        f"{name_of(file)} imports {sorted(foreign)}: the core decides and never acts, so it may import "
        f"ari_app.core and {sorted(CORE_MAY_IMPORT)} alone; time, files and sockets come to it inside facts"
    )


@pytest.mark.parametrize("file", sources("ari_app/adapters"), ids=name_of)
def test_no_adapter_imports_another(file):
    others = {other.stem for other in sources("ari_app/adapters")} - {file.stem, "__init__"}
    others -= ONE_ADAPTER_IN_SEVERAL_FILES.get(file.stem, set())
    found = {module for module in imports(file) for other in others if within(module, f"ari_app.adapters.{other}")}
    assert found == set(), (
        f"{name_of(file)} imports {sorted(found)}: an adapter knows one other side, and what joins two of them is a "
        "decision that belongs above both"
    )


@pytest.mark.parametrize("file", sources("ari_app"), ids=name_of)
def test_adapters_are_imported_by_the_processes_and_commands_alone(file):
    name = name_of(file)
    found = {module for module in imports(file) if within(module, "ari_app.adapters")}
    folders = ("ari_app/commands/", "ari_app/adapters/", "ari_app/guard/", "ari_app/ship/")
    inside = name.startswith(folders) or name in MAY_IMPORT_ADAPTERS
    assert inside or found == set(), (
        f"{name} imports {sorted(found)}: only processes and commands choose adapters, so that everything else can be "
        "tested without the other side"
    )


def test_one_function_constructs_permits():
    found = set()
    for file in sources("ari_app"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="Permit") | ast.Attribute(attr="Permit")):
                    found.add(name_of(file))
                case _:
                    pass
    assert found == {"ari_app/core/permit.py"}, (
        "`grant` in core/permit.py is the only granter: a second place that constructs a Permit is a second opinion on "
        "who was told"
    )


@pytest.mark.parametrize("file", sources("agi_scripts"), ids=name_of)
def test_agi_scripts_start_fast_on_a_bare_python(file):
    foreign = {
        module
        for module in imports(file)
        if module.partition(".")[0] not in sys.stdlib_module_names and not within(module, "ari_app.core")
    }
    assert foreign == set(), (
        f"{name_of(file)} imports {sorted(foreign)}: Asterisk runs it in the middle of a call with whatever Python it "
        "finds, so it rests on the standard library and ari_app.core alone"
    )


def test_no_file_is_longer_than_one_head_holds():
    listed = subprocess.run(
        ["git", "ls-files", "-z", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    lengths = {
        name: len((ROOT / name).read_text(encoding="utf-8").splitlines())
        for name in listed
        if name and (ROOT / name).is_file()
    }
    assert len(lengths) > 50
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}, (
        f"a file of more than {MOST_LINES} lines holds more than one kind of knowledge: split it"
    )


@pytest.mark.parametrize("process", ["gate", "guard"])
def test_no_process_that_a_call_waits_for_knows_s3_or_postgresql(process):
    """What was never loaded is never waited for: a store or a database that is away or hangs delays no caller."""
    shows = (
        f"import sys, ari_app.{process}; "
        "print(*{one.partition('.')[0] for one in sys.modules} & {'boto3', 'botocore', 'psycopg', 'psycopg_pool'}, "
        "*{'ari_app.adapters.s3', 'ari_app.adapters.postgres'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", shows], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []
