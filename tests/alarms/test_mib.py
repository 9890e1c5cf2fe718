"""The MIB follows from the catalogue, and others can read it."""

import subprocess
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from alarms.core.catalogue import CATALOGUE
from alarms.core.mib import DEFAULT_ARC, MODULE, mib, notification_name
from gateway_project import environment
from tests import servers
from tests.fakes.snmptrapd import MIBS


@pytest.mark.pure
def test_every_type_is_a_notification_of_its_own() -> None:
    text = mib(DEFAULT_ARC)
    for kind in CATALOGUE.values():
        assert f"{notification_name(kind)} NOTIFICATION-TYPE" in text
        assert f"::= {{ vaigNotifications {kind.number} }}" in text
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.pure
@pytest.mark.parametrize(
    ("arc", "place"),
    [
        ("1.3.6.1.4.1.99999.1", "{ enterprises 99999 1 }"),
        ("1.3.6.1.3.77", "{ internet 3 77 }"),
    ],
)
def test_the_module_lies_where_the_installation_says(arc: str, place: str) -> None:
    assert f"::= {place}" in mib(arc)


@pytest.mark.pure
def test_names_are_as_short_as_smi_wants_them() -> None:
    assert max(len(notification_name(kind)) for kind in CATALOGUE.values()) <= 64


@pytest.mark.peer("smilint")
@pytest.mark.parametrize("arc", [DEFAULT_ARC, "1.3.6.1.4.1.99999", "1.3.6.1.3.77"])
def test_smilint_finds_nothing(arc: str, tmp_path: Path) -> None:
    file = tmp_path / f"{MODULE}.txt"
    file.write_text(mib(arc))
    # NB an arc of several parts has parents that others name; naming them here would clash.
    flags = ["-l", "6", "-i", "node-implicit"]
    run = subprocess.run(
        [servers.program("smilint"), *flags, str(file)],
        env={"SMIPATH": ":".join(map(str, MIBS))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout + run.stderr) == (0, "")


def test_the_shipped_file_is_current(tmp_path: Path) -> None:
    call_command("mib", "--check")
    old = tmp_path / "old.txt"
    old.write_text("old")
    with pytest.raises(CommandError, match="outdated"):
        call_command("mib", "--check", "--file", old)
    call_command("mib", "--ship", "--file", old)
    call_command("mib", "--check", "--file", old)


def test_the_command_prints_the_mib_of_this_installation() -> None:
    printed = StringIO()
    call_command("mib", stdout=printed)
    assert printed.getvalue() == mib(environment.read({}).snmp_enterprise) == mib(DEFAULT_ARC)
