"""Wrong credentials, and a second process where one is enough: said clearly, and nothing of any call is lost."""

import asyncio
from typing import Any, Final

import pytest
from system.evidence import Evidence
from system.hospital import Hospital, House
from system.passage import assert_accounted, forget_gate, other_config, said, told_by_script
from system.unrecorded import assert_conversing

WRONG: Final = "wrong-credential"
SETTINGS: Final[dict[str, tuple[str, tuple[str, str], str, str]]] = {
    # What refuses, its process, the setting, what an administrator reads: what is wrong, and where to look.
    "ARI": ("gate", ("asterisk", "ari_password_file"), "ARI refuses the password", "ari.conf"),
    "AMI": ("gate", ("asterisk", "ami_password_file"), "AMI refuses the login", "manager.conf"),
    "PostgreSQL": ("ship", ("postgres", "dsn_file"), "PostgreSQL refuses us", "postgres.dsn_file"),
    "S3": ("ship", ("s3", "secret_key_file"), "S3 ", "s3.secret_key_file"),
}


def _wrong_secret(hospital: Hospital, setting: tuple[str, str]) -> dict[str, Any]:
    """Return the setting that names a file with a wrong secret, which is only wrong by its secret."""
    world = hospital.world
    dsn = world.postgres.dsn.replace(world.secrets.postgres, WRONG)
    text = dsn if setting[1] == "dsn_file" else WRONG
    file = world.who.gate.write(world.root / "etc" / "secrets" / "wrong", f"{text}\n", 0o400)
    return {setting[0]: {setting[1]: file}}


@pytest.mark.parametrize("server", SETTINGS)
def test_wrong_credentials(hospital: Hospital, server: str) -> None:
    """The process stays, is not ready, says once why and what to do; the call that is made meanwhile is not lost."""
    process, setting, refusal, hint = SETTINGS[server]
    world = hospital.world
    overrides = _wrong_secret(hospital, setting)

    async def complained() -> bool:
        return bool(said(hospital, process, since, f"{process}.not_ready"))

    async def sealed() -> bool:
        return bool(list((world.spool / "sealed").iterdir()))

    async def call(house: House) -> tuple[str | None, str | None]:
        """Call as it is possible now; return the number or the channel by which the call will be found."""
        if process == "gate":
            await forget_gate(hospital)
            _, channel = await told_by_script(hospital, house)
            return None, channel
        async with hospital.conversation(house) as talk:
            await assert_conversing(talk)
        await hospital.until(sealed, "the sealed call")
        assert hospital.archive.search(talk.number) == []
        return talk.number, None

    async def scenario() -> Evidence:
        async with other_config(hospital, process, overrides, await_ready=False), hospital.house() as house:
            await hospital.until(complained, "a line in the log")
            number, channel = await call(house)
            assert world.running(process)
            assert not (world.spool / f"{process}.ready").exists()
            (line,) = said(hospital, process, since, f"{process}.not_ready")
            assert refusal in line["why"]
            assert hint in line["why"]
            assert WRONG not in hospital.log(process)[since:]
        (found,) = await hospital.evidence(number, channel=channel)
        return found

    since = len(hospital.log(process))
    try:
        found = asyncio.run(scenario())
    finally:
        (world.root / "etc" / "secrets" / "wrong").unlink()
    if process == "gate":
        asyncio.run(assert_accounted(hospital, found.call["channel"]))
    else:
        assert found.reason is None


@pytest.mark.parametrize(("process", "refusal"), [("gate", "another gate owns this spool"), ("ship", "another ship")])
def test_second_process(hospital: Hospital, process: str, refusal: str) -> None:
    """It is refused, says why, and the first does not notice."""
    world = hospital.world
    pid = world.pid(process)
    done = world.consentgate(process, "--config", str(world.config))
    assert done.returncode == 1
    assert refusal in done.stderr
    assert str(world.spool) in done.stderr
    assert "Traceback" not in done.stderr
    assert world.pid(process) == pid
    assert (world.spool / f"{process}.ready").read_text().strip() == str(pid)
