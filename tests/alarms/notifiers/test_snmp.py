"""Traps and informs, read by net-snmp with our MIB and by Wireshark's own decoder."""

import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from alarms.core.mib import DEFAULT_ARC
from alarms.core.ports import Notice
from alarms.core.severity import Severity
from alarms.core.trap import Engine
from alarms.notifiers import snmp
from alarms.notifiers.snmp import SnmpCommunity, SnmpParams, SnmpUser, SnmpV2c, SnmpV3
from bots.core.errors import Fault, ParameterError, ServiceError
from tests import servers
from tests.alarms.notices import HOSTILE, notice
from tests.fakes.snmptrapd import COMMUNITY, ENGINE, SECRET, SIGNING, Trapd, snmptrapd

pytestmark = [pytest.mark.wire, pytest.mark.once]
PEER = pytest.mark.peer("snmptrapd", "tshark")
STORY = (
    notice(),
    notice(kind="changed", severity=Severity.CRITICAL, previous=Severity.MAJOR, seq=42),
    notice(kind="cleared", severity=Severity.CLEAR, previous=Severity.CRITICAL, seq=43),
)
SINCE = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trapd]:
    with snmptrapd(tmp_path_factory.mktemp("trapd")) as found:
        yield found


@pytest.fixture
def trapd(program: Trapd) -> Iterator[Trapd]:
    program.clear()
    speak()
    yield program
    program.deaf = False


def speak(since: datetime = SINCE) -> None:
    snmp.speak_as(Engine(bytes.fromhex(ENGINE), 1, since, DEFAULT_ARC))


def where(port: int, kind: str) -> SnmpParams:
    values = {"snmpHost": "127.0.0.1", "snmpPort": port, "snmpKind": kind}
    return SnmpParams.model_validate(values)


def user(**values: Any) -> SnmpUser:
    keys = {"snmpUser": "alarms", "snmpAuthKey": SIGNING, "snmpPrivKey": SECRET}
    return SnmpUser.model_validate(keys | values)


def community(name: str = COMMUNITY) -> SnmpCommunity:
    return SnmpCommunity(snmpCommunity=SecretStr(name))


@asynccontextmanager
async def v2c(
    port: int, kind: str, name: str = COMMUNITY, answer_s: float = 5.0
) -> AsyncIterator[SnmpV2c]:
    notifier = SnmpV2c(where(port, kind), community(name), answer_s=answer_s)
    try:
        yield notifier
    finally:
        await notifier.close()


@asynccontextmanager
async def v3(port: int, kind: str, **values: Any) -> AsyncIterator[SnmpV3]:
    notifier = SnmpV3(where(port, kind), user(**values), answer_s=5.0)
    try:
        yield notifier
    finally:
        await notifier.close()


async def fault_of(notifier: SnmpV2c | SnmpV3, told: Notice) -> Fault:
    with pytest.raises(ServiceError) as failure:
        await notifier.send(told)
    assert SIGNING not in str(failure.value)
    return failure.value.fault


@PEER
@pytest.mark.parametrize("kind", ["trap", "inform"])
@pytest.mark.parametrize("version", [v2c, v3])
async def test_snmptrapd_reads_raise_change_and_clear(
    trapd: Trapd, version: Any, kind: str
) -> None:
    async with version(trapd.port, kind) as notifier:
        for told in STORY:
            await notifier.send(told)
    raised, changed, cleared = trapd.wait_for(3)
    names = ("vaigAlarmSeverity", "vaigAlarmChange", "vaigAlarmSequence")
    assert [[trap[name] for name in names] for trap in (raised, changed, cleared)] == [
        ["major(4)", "raised(1)", "41"],
        ["critical(5)", "changed(2)", "42"],
        ["cleared(0)", "cleared(3)", "43"],
    ]
    for same in ("snmpTrapOID", "vaigAlarmUniqId", "vaigAlarmSource"):
        assert raised[same] == changed[same] == cleared[same]
    assert raised["snmpTrapOID"] == "VOICE-AI-GATEWAY-MIB::vaigSttProviderFailure"
    assert raised["vaigAlarmNumber"] == "3"
    assert raised["vaigAlarmName"] == "sttProviderFailure"
    text = "Speech recognition of azure-1 fails: timeout"
    assert raised["vaigAlarmTextualDescription"] == text
    assert raised["vaigAlarmSource"] == "provider:azure-1"
    assert raised["vaigAlarmType"] == "communicationsAlarm(2)"
    assert raised["vaigAlarmProbableCause"] == "communicationsSubsystemFailure"
    assert raised["vaigAlarmAdditionalInfo1"] == "timeout"
    assert raised["vaigAlarmAdditionalInfo2"] == notice().runbook_url
    assert raised["vaigAlarmAdditionalInfo3"] == notice().console_url
    assert raised["vaigAlarmDateAndTime"] == "2026-5-4,12:0:1.2,+0:0"
    assert raised["vaigAlarmGatewayName"] == "voice.example.com"
    assert len(raised) == 17


@PEER
@pytest.mark.parametrize(
    ("values", "secret"),
    [
        (
            {"snmpUser": "strong", "snmpAuthProtocol": "SHA-512", "snmpPrivProtocol": "AES-256"},
            True,
        ),
        ({"snmpUser": "signed", "snmpAuthProtocol": "SHA", "snmpLevel": "authNoPriv"}, False),
        ({"snmpUser": "plain", "snmpLevel": "noAuthNoPriv"}, False),
    ],
)
async def test_other_protocols_and_levels_of_v3(
    trapd: Trapd, values: dict[str, str], *, secret: bool
) -> None:
    async with v3(trapd.port, "trap", **values) as notifier:
        await notifier.send(STORY[0])
    (trap,) = trapd.wait_for(1)
    assert f"user {values['snmpUser']}," in trap.security
    assert (b"azure-1" not in trapd.packets[0]) is secret
    assert trap["vaigAlarmSeverity"] == "major(4)"


@PEER
async def test_wrong_secrets_are_not_taken(trapd: Trapd) -> None:
    async with (
        v2c(trapd.port, "trap", "guessed") as stranger,
        v3(trapd.port, "trap", snmpAuthKey="another key") as forger,
        v3(trapd.port, "trap", snmpPrivKey="another key") as mumbler,
        v3(trapd.port, "trap", snmpUser="nobody") as nobody,
        v2c(trapd.port, "trap") as friend,
    ):
        for notifier in (stranger, forger, mumbler, nobody, friend):
            await notifier.send(STORY[0])
    (trap,) = trapd.wait_for(1)
    assert f"community {COMMUNITY}" in trap.security


@PEER
async def test_informs_tell_what_a_receiver_does_not_take(trapd: Trapd) -> None:
    async with v3(trapd.port, "inform", snmpAuthKey="another key") as forger:
        assert await fault_of(forger, STORY[0]) is Fault.AUTHENTICATION
    async with v3(trapd.port, "inform", snmpUser="nobody") as nobody:
        assert await fault_of(nobody, STORY[0]) is Fault.AUTHENTICATION
    trapd.deaf = True
    async with v2c(trapd.port, "inform", answer_s=0.1) as unheard:
        assert await fault_of(unheard, STORY[0]) is Fault.TIMEOUT
        trapd.deaf = False
        await unheard.send(STORY[1])
    assert [trap["vaigAlarmChange"] for trap in trapd.wait_for(1)] == ["changed(2)"]


@PEER
async def test_a_process_that_was_restarted_is_no_replay(trapd: Trapd) -> None:
    async with v3(trapd.port, "trap") as notifier:
        await notifier.send(STORY[0])
    trapd.wait_for(1)
    # A process that began its time anew would be refused, so this receiver does look.
    speak(datetime.now(UTC))
    async with v3(trapd.port, "trap") as notifier:
        await notifier.send(STORY[1])
    speak()
    async with v3(trapd.port, "trap") as notifier:
        await notifier.send(STORY[2])
    changes = [trap["vaigAlarmChange"] for trap in trapd.wait_for(2)]
    assert changes == ["raised(1)", "cleared(3)"]


@PEER
async def test_hostile_texts_arrive_in_one_line_and_bounded(trapd: Trapd) -> None:
    names = ("text", "source", "detail", "gateway", "runbook_url", "console_url")
    told = notice(**dict.fromkeys(names, HOSTILE))
    async with v3(trapd.port, "inform") as notifier:
        await notifier.send(told)
    (trap,) = trapd.wait_for(1)
    text = trap["vaigAlarmTextualDescription"]
    assert text.startswith("a b  To: c")
    assert len(text.encode()) <= 255
    assert len(trap) == 17
    assert len(trapd.packets[-1]) < 2500


@PEER
async def test_a_second_implementation_reads_the_same(trapd: Trapd, tmp_path: Path) -> None:
    for version, kind in ((v2c, "trap"), (v2c, "inform"), (v3, "trap"), (v3, "inform")):
        async with version(trapd.port, kind) as notifier:
            for told in STORY:
                await notifier.send(told)
    trapd.wait_for(12)
    trapd.pcap(tmp_path / "traps.pcap")
    found = [each for each in _decoded(tmp_path / "traps.pcap") if each]
    severities = [each[f"{DEFAULT_ARC}.1.5.0"] for each in found]
    assert severities == ["4", "5", "0"] * 4
    for each in found:
        assert each["1.3.6.1.6.3.1.1.4.1.0"] == f"{DEFAULT_ARC}.0.3"
        assert bytes.fromhex(each[f"{DEFAULT_ARC}.1.4.0"].replace(":", "")) == b"provider:azure-1"
        assert len(each) == 17


def _decoded(capture: Path) -> list[dict[str, str]]:
    """Objects and values of every notification in ``capture``, as tshark reads them."""
    keys = f'"SHA2-256","{SIGNING}","AES","{SECRET}"'
    command = [servers.program("tshark"), "-r", str(capture), "-T", "json", "-n"]
    command += ["-o", f'uat:snmp_users:"","alarms",{keys}']
    run = subprocess.run(command, capture_output=True, check=True, timeout=60)
    layers = [each["_source"]["layers"]["snmp"] for each in json.loads(run.stdout)]
    return [_bindings(layer) for layer in layers]


def _bindings(layer: dict[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    name = ""

    def walk(tree: Any) -> None:
        nonlocal name
        if isinstance(tree, dict):
            for key, value in tree.items():
                if key == "snmp.name":
                    name = value
                elif key.startswith("snmp.value.") and isinstance(value, str):
                    found[name] = value
                walk(value)
        elif isinstance(tree, list):
            for each in tree:
                walk(each)

    walk(layer)
    return found


async def test_what_cannot_be_sent_says_why() -> None:
    speak()
    nowhere = SnmpParams.model_validate({"snmpHost": "nowhere.invalid"})
    notifier = SnmpV2c(nowhere, community())
    assert await fault_of(notifier, STORY[0]) is Fault.CONNECTIVITY
    broadcast = SnmpParams.model_validate({"snmpHost": "255.255.255.255"})
    notifier = SnmpV2c(broadcast, community())
    assert await fault_of(notifier, STORY[0]) is Fault.CONNECTIVITY
    await notifier.close()
    await notifier.close()


def test_the_time_of_the_engine_does_not_run_backwards_below_zero() -> None:
    engine = Engine(b"\x80", 1, SINCE, DEFAULT_ARC)
    assert engine.up(SINCE - timedelta(days=1)) == timedelta()


@pytest.mark.parametrize(
    ("values", "problems"),
    [
        ({"snmpUser": ""}, {"snmpUser"}),
        ({"snmpAuthKey": "short"}, {"snmpAuthKey"}),
        ({"snmpPrivKey": ""}, {"snmpPrivKey"}),
        ({"snmpLevel": "authNoPriv", "snmpPrivKey": ""}, set()),
        ({"snmpUser": "ü", "snmpAuthKey": "密码密码密码密码"}, {"snmpUser", "snmpAuthKey"}),
        ({"snmpLevel": "noAuthNoPriv", "snmpAuthKey": "", "snmpPrivKey": ""}, set()),
    ],
)
def test_users_have_the_keys_that_their_level_needs(
    values: dict[str, str], problems: set[str]
) -> None:
    if not problems:
        SnmpV3(where(162, "trap"), user(**values))
        return
    with pytest.raises(ParameterError) as refused:
        SnmpV3(where(162, "trap"), user(**values))
    assert refused.value.problems.keys() == problems


def test_a_receiver_and_its_community_are_needed() -> None:
    with pytest.raises(ParameterError) as refused:
        SnmpV2c(SnmpParams(), SnmpCommunity())
    assert refused.value.problems.keys() == {"snmpHost", "snmpCommunity"}


@pytest.mark.parametrize("host", ["a b", "a\nb", "http://a", "a/b", "é"])
def test_hosts_are_names_or_addresses(host: str) -> None:
    with pytest.raises(ValueError, match="host name or an IP address"):
        SnmpParams.model_validate({"snmpHost": host})
