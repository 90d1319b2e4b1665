"""`consentgate check` against a real Asterisk: everybody whom the configuration names is there, or is told."""

import json
from typing import Any

from demo_world.world import World
from system.hospital import Hospital

from ari_app.errors import CONFIGURATION


def checked(world: World, overrides: dict[str, Any] | None = None) -> tuple[int, list[dict[str, Any]]]:
    """Run it for a file of its own; return its code and its findings, the sum last."""
    file = world.config.with_name("checked.yaml")
    world.write_config(file, overrides)
    try:
        folder = str(world.asterisk.etc)
        done = world.consentgate("check", "--json", "--config", str(file), "--asterisk-folder", folder)
    finally:
        file.unlink()
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def test_everybody_whom_the_configuration_names_is_an_endpoint(hospital: Hospital) -> None:
    _, found = checked(hospital.world)
    (parties,) = [one for one in found if "parties" in str(one.get("subject"))]
    assert (parties["code"], "known to this Asterisk" in parties["verdict"]) == (0, True), parties
    asterisk = [one for one in found if str(one.get("subject")).startswith(("ARI ", "AMI "))]
    assert [one["code"] for one in asterisk] == [0, 0, 0, 0], asterisk


def test_who_is_not_there_is_told_with_the_nearest_name(hospital: Hospital) -> None:
    staff = [*hospital.world.options.config.get("parties", {}).get("staff", ["PJSIP/2001"]), "PJSIP/20001"]
    code, found = checked(hospital.world, {"parties": {"staff": staff}})
    assert code == CONFIGURATION
    (wrong,) = [one for one in found if one.get("code") == CONFIGURATION]
    assert wrong["subject"].endswith("PJSIP/20001")
    assert "checked.yaml:" in wrong["subject"]
    assert "did you mean PJSIP/2001?" in wrong["hint"]
    assert found[-1]["kind"] == "sum"
