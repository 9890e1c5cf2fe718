"""The pages on which parameters and credentials of a provider are changed."""

import time
from typing import Any

import pytest
from django.test import Client

from bots.core.params.resolve import MASK
from bots.models import AuditEvent, Provider
from bots.services import provider_update
from tests.bots.views.provider_stage import (
    confirmed_at,
    key_of,
    operator,
    page,
    script,
    tones,
    wrong,
)

__all__ = ["operator", "script", "tones", "wrong"]

pytestmark = pytest.mark.django_db

URL = "https://retail.vault.azure.net/secrets/rehearsal"


@pytest.fixture
def confirmed(operator: Client) -> Client:
    return confirmed_at(operator, time.time())


# --- credentials ----------------------------------------------------------------------------------


def test_credentials_ask_for_the_password_first(operator: Client, wrong: Provider) -> None:
    answer = confirmed_at(operator, 0).get("/providers/rehearse/credentials/")
    assert answer.status_code == 302
    assert answer.headers["Location"].endswith("next=/providers/rehearse/credentials/")


def test_a_credential_is_never_shown_and_kept_unless_replaced(
    confirmed: Client, wrong: Provider
) -> None:
    address = "/providers/rehearse/credentials/"
    shown = page(confirmed, address)
    assert "guessed" not in shown
    assert "Keep what is set" in shown
    confirmed.post(address, {"revision": 1, "how.rehearsalKey": "keep"})
    assert key_of(wrong) == "guessed"
    answer = confirmed.post(
        address, {"revision": 2, "how.rehearsalKey": "value", "value.rehearsalKey": "rehearsal"}
    )
    assert answer.headers["Location"] == "/providers/rehearse/"
    assert key_of(wrong) == "rehearsal"
    state = page(confirmed, "/providers/rehearse/")
    assert "by operator" in state
    assert "rehearsal</code>" not in state
    confirmed.post(address, {"revision": 3, "how.rehearsalKey": "none"})
    assert Provider.objects.get().credentials == {}
    assert "not set" in page(confirmed, "/providers/rehearse/")


def test_a_credential_can_be_kept_in_a_key_vault(confirmed: Client, wrong: Provider) -> None:
    address = "/providers/rehearse/credentials/"
    bad = confirmed.post(
        address,
        {"revision": 1, "how.rehearsalKey": "vault", "vault.rehearsalKey": "https://example.com/k"},
    )
    assert bad.status_code == 422
    assert "must have the form" in bad.content.decode()
    assert 'value="https://example.com/k"' in bad.content.decode()
    confirmed.post(
        address, {"revision": 1, "how.rehearsalKey": "vault", "vault.rehearsalKey": f" {URL} "}
    )
    assert Provider.objects.get().credentials == {"rehearsalKey": {"$vault": URL}}
    assert URL in page(confirmed, address)
    assert "not read yet" in page(confirmed, "/providers/rehearse/")
    confirmed.post(address, {"revision": 2, "how.rehearsalKey": "keep"})
    assert Provider.objects.get().credentials == {"rehearsalKey": {"$vault": URL}}


def test_an_empty_secret_is_told(confirmed: Client, wrong: Provider) -> None:
    answer = confirmed.post(
        "/providers/rehearse/credentials/", {"revision": 1, "how.rehearsalKey": "value"}
    )
    assert answer.status_code == 422
    assert "is empty; type the secret" in answer.content.decode()


def test_a_stale_form_of_credentials_stores_nothing(confirmed: Client, wrong: Provider) -> None:
    answer = confirmed.post(
        "/providers/rehearse/credentials/",
        {"revision": 7, "how.rehearsalKey": "value", "value.rehearsalKey": "typed-secret"},
    )
    assert answer.status_code == 409
    assert "Somebody changed this provider meanwhile." in answer.content.decode()
    assert "typed-secret" not in answer.content.decode()
    assert key_of(wrong) == "guessed"


def test_credentials_of_a_plug_in_that_is_gone_have_no_form(
    confirmed: Client, wrong: Provider
) -> None:
    Provider.objects.update(plugin="acme")
    assert confirmed.get("/providers/rehearse/credentials/").status_code == 404


# --- parameters -----------------------------------------------------------------------------------


def save(client: Client, **fields: Any) -> Any:
    return client.post("/providers/rehearse/parameters/save/", {"revision": 1, **fields})


def test_parameters_of_the_plug_in_come_first(operator: Client, wrong: Provider) -> None:
    shown = page(operator, "/providers/rehearse/parameters/")
    assert shown.index("rehearsalTtsFault") < shown.index("userNoInputTimeoutMS")


def test_parameters_are_stored(operator: Client, wrong: Provider) -> None:
    answer = save(operator, **{"p.rehearsalTtsFault": "empty"})
    assert answer.headers["HX-Redirect"] == "/providers/rehearse/parameters/"
    stored = Provider.objects.get()
    assert stored.params == {"rehearsalTtsFault": "empty"}
    assert key_of(stored) == "guessed"


def test_wrong_parameters_are_told_and_those_that_break_bots_too(
    operator: Client, wrong: Provider, script: Provider
) -> None:
    bad = save(operator, **{"p.rehearsalTtsFault": "sometimes", "p.rehearsalTtsDelayMS": "x"})
    assert "must be a whole number" in bad.content.decode()
    assert bad.headers["HX-Retarget"] == "#problems"
    bad = save(operator, **{"p.rehearsalTtsFault": "sometimes"})
    assert "must be" in bad.content.decode()
    assert Provider.objects.get(name="rehearse").revision == 1


def test_a_stale_form_shows_what_differs_and_can_be_stored_over(
    operator: Client, wrong: Provider
) -> None:
    provider_update(provider=wrong, expected_revision=1, params={"rehearsalTtsFault": "cut"})
    answer = save(operator, **{"p.rehearsalTtsFault": "slow"})
    shown = answer.content.decode()
    assert "Somebody changed rehearse meanwhile" in shown
    assert "<del>cut</del>" in shown
    assert "<ins>slow</ins>" in shown
    assert 'value="2"' in shown
    save(operator, **{"p.rehearsalTtsFault": "slow", "over": 2})
    assert Provider.objects.get().params == {"rehearsalTtsFault": "slow"}


def test_a_secret_among_the_parameters_asks_for_the_password(
    operator: Client, wrong: Provider
) -> None:
    secret = {"s.sendMetaDataPassword": "set", "p.sendMetaDataPassword": "opensesame"}
    answer = save(confirmed_at(operator, 0), **secret)
    assert "Confirm who you are first" in answer.content.decode()
    assert Provider.objects.get().params == {"rehearsalTtsPlugin": "tones"}
    save(confirmed_at(operator, time.time()), **secret)
    stored = Provider.objects.get().params["sendMetaDataPassword"]
    assert stored != "opensesame"
    event = AuditEvent.objects.latest("pk")
    assert event.after is not None
    assert event.after["sendMetaDataPassword"] == MASK
