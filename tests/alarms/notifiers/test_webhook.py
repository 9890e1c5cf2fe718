"""Alarms posted to other systems."""

import json
from typing import Any

import pytest
from standardwebhooks import Webhook

from alarms.core.severity import Severity
from alarms.notifiers.webhook import AlarmWebhook, WebhookCredentials
from bots.core.errors import Fault, ParameterError, ServiceError
from bots.core.registry import NoParams
from bots.net import Outbound, outbound
from tests.alarms.notices import HOSTILE, notice
from tests.fakes.receiver import Receiver, Reply, receiving

pytestmark = [pytest.mark.wire, pytest.mark.once]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture(scope="module")
def receiver() -> Any:
    with receiving() as found:
        yield found


@pytest.fixture(autouse=True)
def _own_requests(receiver: Receiver) -> None:
    receiver.received.clear()


def webhook(url: str, **credentials: str) -> AlarmWebhook:
    values = {"alarmWebhookUrl": url, **credentials}
    return AlarmWebhook(NoParams(), WebhookCredentials.model_validate(values))


async def test_a_signed_post_tells_all_about_the_change(
    loopback: Outbound, receiver: Receiver
) -> None:
    notifier = webhook(
        receiver.url + "/a", alarmWebhookSecret=SECRET, alarmWebhookAuthorization="Bearer t"
    )
    told = notice(kind="changed", severity=Severity.CRITICAL, previous=Severity.MAJOR)
    await notifier.send(told)
    await notifier.close()
    (request,) = receiver.received
    body = json.loads(request.body)
    assert body["type"] == "alarm.changed"
    assert body["timestamp"] == "2026-05-04T12:00:01.250000+00:00"
    assert body["data"]["severity"] == "critical"
    assert body["data"]["previous"] == "major"
    assert body["data"]["alarm_id"] == told.alarm_id
    assert body["data"]["type"] == "sttProviderFailure"
    assert request.headers["webhook-id"] == told.id
    assert request.headers["authorization"] == "Bearer t"
    Webhook(SECRET).verify(request.body, request.headers)


async def test_without_a_secret_nothing_is_signed(loopback: Outbound, receiver: Receiver) -> None:
    await webhook(receiver.url).send(notice())
    (request,) = receiver.received
    assert "webhook-signature" not in request.headers
    assert "authorization" not in request.headers
    assert json.loads(request.body)["data"]["previous"] is None


async def test_hostile_texts_are_json_like_any_other(
    loopback: Outbound, receiver: Receiver
) -> None:
    text = HOSTILE.replace("\ud800", "")
    await webhook(receiver.url).send(notice(text=text))
    assert json.loads(receiver.received[0].body)["data"]["text"] == text


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (302, Fault.PROTOCOL),
        (401, Fault.AUTHENTICATION),
        (404, Fault.NOT_FOUND),
        (429, Fault.RATE_LIMIT),
        (500, Fault.SERVER),
    ],
)
async def test_only_2xx_is_success(
    loopback: Outbound, receiver: Receiver, status: int, fault: Fault
) -> None:
    notifier = webhook(receiver.answers(f"/{status}", status))
    with pytest.raises(ServiceError, match=str(status)) as failure:
        await notifier.send(notice())
    assert failure.value.fault is fault


async def test_a_cut_connection_is_a_failure(loopback: Outbound, receiver: Receiver) -> None:
    notifier = webhook(receiver.answers("/cut", Reply(fault="cut")))
    with pytest.raises(ServiceError) as failure:
        await notifier.send(notice())
    assert failure.value.fault is Fault.CONNECTIVITY


async def test_addresses_inside_are_guarded(receiver: Receiver) -> None:
    with pytest.raises(ServiceError, match="OUTBOUND_ALLOW does not name it") as failure:
        await webhook(receiver.url).send(notice())
    assert failure.value.fault is Fault.INVALID_REQUEST
    await outbound().close()


@pytest.mark.parametrize(
    ("url", "credentials", "field"),
    [
        ("", {}, "alarmWebhookUrl"),
        ("https://a.example", {"alarmWebhookSecret": "whsec_"}, "alarmWebhookSecret"),
        ("https://a.example", {"alarmWebhookSecret": "§§§"}, "alarmWebhookSecret"),
        (
            "https://a.example",
            {"alarmWebhookAuthorization": "a\r\nb: c"},
            "alarmWebhookAuthorization",
        ),
    ],
)
def test_what_cannot_work_is_refused(url: str, credentials: dict[str, str], field: str) -> None:
    with pytest.raises(ParameterError) as refused:
        webhook(url, **credentials)
    assert refused.value.problems.keys() == {field}


@pytest.mark.parametrize("url", ["ftp://a", "https://", "https://a b", "https://a\n", "https://ä"])
def test_addresses_are_http(url: str) -> None:
    with pytest.raises(ValueError, match="http or https URL"):
        webhook(url)
