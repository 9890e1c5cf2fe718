"""The carrier that asks VoiceAI Connect: what is sent, and what each answer means."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from bots.core.errors import Fault, ServiceError
from bots.net import Outbound
from calls.carriers import audiocodes
from calls.carriers.audiocodes import AudioCodes, AudioCodesCredentials, AudioCodesParams
from calls.channels.expected import DIALOUT_KEY
from calls.dialout.port import CarrierBusy, CarrierRefused, Desk
from calls.session.host import SessionHost
from tests.calls.carriers.desk import configured, order
from tests.fakes.voiceai_connect import (
    CLIENT,
    SECRET,
    TOKEN,
    Script,
    VoiceAIConnect,
    voiceai_connect,
)

pytestmark = pytest.mark.wire

CALLBACK = "https://gateway.example/voice/audiocodes/dialouts/x/y"


@pytest.fixture
async def vaic() -> AsyncIterator[VoiceAIConnect]:
    async with voiceai_connect() as fake:
        fake.script = Script(calls="never")
        yield fake


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with Outbound(["127.0.0.0/8"]) as outbound:
        yield Desk(
            host=SessionHost(),
            configuration=configured("audiocodes"),
            outbound=outbound,
            callback_url=CALLBACK,
        )


def carrier(vaic: VoiceAIConnect, *, secret: str = SECRET, **params: Any) -> AudioCodes:
    return AudioCodes(
        AudioCodesParams.model_validate({"dialoutUrl": vaic.url, **params}),
        AudioCodesCredentials(
            dialoutClientId=CLIENT,
            dialoutClientSecret=SecretStr(secret),
            dialoutToken=SecretStr(TOKEN),
        ),
    )


async def test_the_order_is_the_documented_request(vaic: VoiceAIConnect, desk: Desk) -> None:
    wanted = order(
        "tel:+15550199",
        caller_host="gw.example",
        caller_display_name="North Wind",
        answer_timeout_s=20,
        machine_detection="detect",
        metadata={"case": 7},
    )
    call_id = await carrier(vaic).place(wanted, desk)
    assert len(call_id) == 36
    assert vaic.orders == [
        {
            "bot": "test",
            "target": "tel:+15550199",
            "caller": "+15550123",
            "callerHost": "gw.example",
            "callerDisplayName": "North Wind",
            "notifyUrl": CALLBACK,
            "answerTimeoutSec": 20,
            "machineDetection": "detect",
            "metadata": {"case": 7, DIALOUT_KEY: wanted.dialout_id},
        }
    ]


async def test_what_was_not_asked_for_is_left_out(vaic: VoiceAIConnect, desk: Desk) -> None:
    await carrier(vaic, carrierBot="bot-17").place(order("sip:jane@example.com"), desk)
    (sent,) = vaic.orders
    assert sent["bot"] == "bot-17"
    assert not {"callerHost", "callerDisplayName"} & sent.keys()
    assert set(sent["metadata"]) == {DIALOUT_KEY}


@pytest.mark.parametrize("path", ["", "/", "/api/v1/actions/dialout", "/api/v1/actions/dialout/"])
def test_the_address_is_completed_unless_it_is_complete(path: str) -> None:
    made = audiocodes._dialout_url(f"https://livehub.example{path}")
    assert made.rstrip("/") == "https://livehub.example/api/v1/actions/dialout"


@pytest.mark.parametrize(
    "url",
    ["ftp://x", "x", "https://", "https://u:p@x", "https://x/\r\nA: b", "https://ü", "http://[x"],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="dialoutUrl"):
        AudioCodesParams(dialoutUrl=url)


@pytest.mark.parametrize("auth", ["basic", "token"])
async def test_it_proves_itself_without_oauth(auth: str, vaic: VoiceAIConnect, desk: Desk) -> None:
    assert await carrier(vaic, dialoutAuth=auth).place(order("tel:+15550199"), desk)
    assert vaic.tokens == []
    assert vaic.authorizations[0].split()[0] == {"basic": "Basic", "token": "Bearer"}[auth]


async def test_one_token_serves_many_calls_at_once(vaic: VoiceAIConnect, desk: Desk) -> None:
    lines = [carrier(vaic) for _ in range(5)]
    await asyncio.gather(*(line.place(order("tel:+15550199"), desk) for line in lines))
    assert vaic.tokens == ["token-1"]
    assert len(vaic.orders) == 5


async def test_a_token_that_is_refused_is_fetched_anew_once(
    vaic: VoiceAIConnect, desk: Desk
) -> None:
    vaic.script = Script(calls="never", refuses_tokens=1)
    assert await carrier(vaic).place(order("tel:+15550199"), desk)
    assert vaic.tokens == ["token-1", "token-2"]
    vaic.script = Script(calls="never", refuses_tokens=100)
    with pytest.raises(CarrierRefused, match="HTTP 401"):
        await carrier(vaic).place(order("tel:+15550199"), desk)
    assert vaic.tokens == ["token-1", "token-2", "token-3"]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 500])
async def test_a_refused_order_says_how(status: int, vaic: VoiceAIConnect, desk: Desk) -> None:
    vaic.script = Script(status=status, calls="never")
    with pytest.raises(CarrierRefused, match=f"HTTP {status}") as refused:
        await carrier(vaic).place(order("tel:+15550199"), desk)
    assert refused.value.reason_code == "error"


@pytest.mark.parametrize(
    ("status", "told", "wait_s"),
    [(429, "17", 17), (503, "", 10), (429, "9" * 400, 300), (503, "0", 1), (429, "soon", 10)],
)
async def test_a_carrier_without_room_is_busy(
    status: int, told: str, wait_s: float, vaic: VoiceAIConnect, desk: Desk
) -> None:
    vaic.script = Script(status=status, retry_after=told, calls="never")
    with pytest.raises(CarrierBusy) as busy:
        await carrier(vaic).place(order("tel:+15550199"), desk)
    assert busy.value.retry_after_s == wait_s


async def test_where_no_connection_is_had_the_order_may_be_given_again(desk: Desk) -> None:
    async with voiceai_connect() as gone:
        line = carrier(gone, dialoutAuth="token")
        tokenless = carrier(gone)
    with pytest.raises(CarrierBusy, match="cannot be reached"):
        await line.place(order("tel:+15550199"), desk)
    for _ in range(2):
        with pytest.raises(CarrierBusy, match="gives no token"):
            await tokenless.place(order("tel:+15550199"), desk)


async def test_an_address_inside_the_network_is_refused(desk: Desk) -> None:
    async with voiceai_connect() as vaic, Outbound() as strict:
        closed = Desk(
            host=desk.host,
            configuration=desk.configuration,
            outbound=strict,
            callback_url="",
        )
        with pytest.raises(CarrierRefused, match="address not allowed"):
            await carrier(vaic, dialoutAuth="token").place(order("tel:+15550199"), closed)
        assert vaic.orders == []


@pytest.mark.parametrize("script", [Script(silent=True, calls="never"), Script(status=504)])
async def test_an_order_without_a_reply_is_not_given_again(
    script: Script, vaic: VoiceAIConnect, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audiocodes, "ORDER_S", 0.2)
    vaic.script = script
    assert await carrier(vaic).place(order("tel:+15550199"), desk) == ""
    assert len(vaic.orders) == 1


@pytest.mark.parametrize(
    "reply", ["", "[]", "{}", '{"conversationId": 7}', '{"conversationId": "a\\u0000b"}',
              '{"conversationId": "' + "x" * 201 + '"}', '{"conversationId": "é"}',
              '{"x":' + "[" * 30_000],
)  # fmt: skip
async def test_a_reply_without_an_id_counts_as_taken(
    reply: str, vaic: VoiceAIConnect, desk: Desk
) -> None:
    vaic.script = Script(reply=reply, calls="never")
    assert await carrier(vaic).place(order("tel:+15550199"), desk) == ""


async def test_a_wrong_secret_is_told_and_not_shown(vaic: VoiceAIConnect, desk: Desk) -> None:
    with pytest.raises(CarrierRefused, match="no token: HTTP status 401") as refused:
        await carrier(vaic, secret="wrong-one").place(order("tel:+15550199"), desk)
    assert "wrong-one" not in str(refused.value)


async def test_a_token_endpoint_without_room_is_busy(vaic: VoiceAIConnect, desk: Desk) -> None:
    vaic.script = Script(token_status=503)
    with pytest.raises(CarrierBusy, match="no token: HTTP status 503"):
        await carrier(vaic).place(order("tel:+15550199"), desk)


async def test_a_carrier_without_an_address_refuses(desk: Desk) -> None:
    line = AudioCodes(AudioCodesParams(), AudioCodesCredentials())
    with pytest.raises(CarrierRefused, match="dialoutUrl"):
        await line.place(order("tel:+15550199"), desk)
    with pytest.raises(ServiceError, match="dialoutUrl"):
        await line.check(desk.outbound)


@pytest.mark.parametrize("auth", ["oauth", "basic", "token"])
async def test_the_credentials_can_be_tried_without_a_call(
    auth: str, vaic: VoiceAIConnect, desk: Desk
) -> None:
    await carrier(vaic, dialoutAuth=auth).check(desk.outbound)
    assert vaic.orders == []


@pytest.mark.parametrize(
    ("params", "script", "fault"),
    [
        ({"secret": "wrong"}, Script(), Fault.AUTHENTICATION),
        ({"secret": "wrong", "dialoutAuth": "basic"}, Script(), Fault.AUTHENTICATION),
        ({"dialoutUrl": "http://127.0.0.1:1"}, Script(), Fault.CONNECTIVITY),
        ({"dialoutUrl": "http://127.0.0.1:1", "dialoutAuth": "token"}, Script(),
         Fault.CONNECTIVITY),
    ],
)  # fmt: skip
async def test_a_try_says_what_is_wrong(
    params: dict[str, Any], script: Script, fault: Fault, vaic: VoiceAIConnect, desk: Desk
) -> None:
    vaic.script = script
    with pytest.raises(ServiceError) as failed:
        await carrier(vaic, **params).check(desk.outbound)
    assert failed.value.fault is fault


@given(
    st.text(min_size=1, max_size=60).filter(lambda text: text.isprintable() or "\n" in text),
    st.dictionaries(st.text(max_size=20), st.one_of(st.text(), st.integers(), st.booleans())),
)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_that_a_dialer_says_gets_beyond_its_own_field(
    text: str, metadata: dict[str, Any]
) -> None:
    wanted = order(f"tel:{text}", caller=text, caller_host=text, metadata=metadata)
    line = AudioCodes(AudioCodesParams(dialoutUrl="https://x.example"), AudioCodesCredentials())
    sent = line._request(wanted, CALLBACK)
    assert (sent.bot, sent.notify_url) == ("test", CALLBACK)
    assert (sent.target, sent.caller, sent.caller_host) == (f"tel:{text}", text, text)
    assert sent.metadata == {**metadata, DIALOUT_KEY: wanted.dialout_id}
