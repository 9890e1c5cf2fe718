"""Providers and the catalogue by REST: secrets go in and never out."""

from typing import Annotated, Any, ClassVar

import pytest
from pydantic import Field, SecretStr

from bots import credentials
from bots.core import registry
from bots.core.params.declare import Param, ParamSet
from bots.core.params.resolve import MASK
from bots.models import Bot, Provider
from bots.services import provider_create
from bots.services.providers import plugin_of
from tests.bots.api.conftest import Api, MakeApi
from tests.bots.api.test_bots_api import problem, wrong

pytestmark = pytest.mark.django_db


class Proof(ParamSet):
    SECTION: ClassVar[str] = "Locked proof"
    key: Annotated[SecretStr, Param(help="Key.", secret=True)] = Field(
        SecretStr(""), alias="lockedKey"
    )
    region: Annotated[str, Param(help="Region.")] = Field("", alias="lockedRegion")


@pytest.fixture
def locked(db: None, monkeypatch: pytest.MonkeyPatch) -> Provider:
    """A provider of a plug-in that asks for credentials."""
    monkeypatch.setattr(registry, "_plugins", dict(registry._plugins))
    registry.register("tts", "locked", "Locked", credentials=Proof)(type("Locked", (), {}))
    return provider_create(
        name="locked",
        kind="tts",
        plugin="locked",
        credentials={"lockedKey": "hush", "lockedRegion": "west"},
    )


def opened(provider: Provider) -> dict[str, Any]:
    provider.refresh_from_db()
    found = credentials.opened(plugin_of(provider), provider.credentials)
    assert isinstance(found, Proof)
    return {"key": found.key.get_secret_value(), "region": found.region}


def test_credentials_are_told_only_by_their_state(api: Api, locked: Provider) -> None:
    response = api.get("/providers/locked")
    assert response["ETag"] == '"1"'
    assert response.json()["credentials"] == {
        "lockedKey": {"state": "set", "vault": None},
        "lockedRegion": {"state": "set", "vault": None},
    }
    assert "hush" not in response.content.decode()
    assert "west" not in response.content.decode()


def test_credentials_change_one_by_one_or_all_at_once(api: Api, locked: Provider) -> None:
    one = api.ask("PATCH", "/providers/locked", {"credentials": {"lockedRegion": None}}, match=1)
    assert one.json()["credentials"]["lockedRegion"]["state"] == "missing"
    assert opened(locked) == {"key": "hush", "region": ""}
    both = {"credentials": {"lockedKey": MASK, "lockedRegion": "east"}}
    assert api.ask("PUT", "/providers/locked", both, match=2).status_code == 200
    assert opened(locked) == {"key": "hush", "region": "east"}
    assert api.ask("PUT", "/providers/locked", {}, match=3).status_code == 200
    assert opened(locked) == {"key": "hush", "region": "east"}, "not given, so left alone"
    new = {"credentials": {"lockedKey": "new"}}
    assert "new" not in api.ask("PATCH", "/providers/locked", new, match=4).content.decode()
    assert opened(locked)["key"] == "new"
    api.ask("PUT", "/providers/locked", {"credentials": {}}, match=5)
    assert opened(locked) == {"key": "", "region": ""}


def test_an_encrypted_secret_of_elsewhere_is_not_taken(api: Api, locked: Provider) -> None:
    stolen = {"credentials": {"lockedKey": {"$secret": "gAAAAA"}}}
    assert wrong(api.ask("PATCH", "/providers/locked", stolen, match=1)).keys() == {"lockedKey"}
    told = wrong(api.ask("PATCH", "/providers/locked", {"credentials": {"nothing": "x"}}, match=1))
    assert told.keys() == {"nothing"}


def test_a_provider_is_created_listed_and_deleted_when_nobody_uses_it(
    api: Api, script: Provider, retail: Bot
) -> None:
    order = {"name": "voice", "kind": "tts", "plugin": "rehearsal"}
    made = api.ask("POST", "/providers", order)
    assert (made.status_code, made["Location"]) == (201, "/api/v1/providers/voice")
    listed = api.get("/providers?kind=tts&plugin=rehearsal&text=voi").json()["items"]
    assert [each["name"] for each in listed] == ["voice"]
    names = [each["name"] for each in api.get("/providers").json()["items"]]
    assert names == sorted(names)
    used = problem(api.ask("DELETE", "/providers/script", match=1), 409)
    assert "base" in used["detail"]
    assert api.ask("DELETE", "/providers/voice", match=1).status_code == 204
    problem(api.get("/providers/voice"), 404)


def test_what_a_plug_in_does_not_have_is_refused(api: Api) -> None:
    order: dict[str, Any] = {"name": "voice", "kind": "tts", "plugin": "nothing"}
    assert wrong(api.ask("POST", "/providers", order)).keys() == {"plugin"}
    order = {"name": "voice", "kind": "song", "plugin": "rehearsal"}
    assert wrong(api.ask("POST", "/providers", order)).keys() == {"kind"}
    order = {"name": "voice", "kind": "tts", "plugin": "rehearsal", "params": {"x": 1}}
    assert wrong(api.ask("POST", "/providers", order)).keys() == {"x"}


def test_usage_counts_the_bots_that_one_does_not_reach(
    api: Api, make_api: MakeApi, retail: Bot, travel: Bot
) -> None:
    shown = api.get("/providers/script/usage").json()
    assert shown["items"] == [
        {"bot": "base", "kind": "bot", "through": None},
        {"bot": "retail", "kind": "bot", "through": "base"},
        {"bot": "travel", "kind": "bot", "through": "base"},
    ]
    narrow = make_api("providers:read", bots=["retail"], name="narrow")
    shown = narrow.get("/providers/script/usage").json()
    assert ([each["bot"] for each in shown["items"]], shown["unseen"]) == (["base", "retail"], 1)


def test_a_test_tells_how_the_service_did(api: Api, script: Provider) -> None:
    shown = api.ask("POST", "/providers/script/test?language=en-US").json()
    assert shown["steps"]
    assert isinstance(shown["ok"], bool)
    assert api.get("/providers/script").json()["testPassed"] is shown["ok"]
    problem(api.ask("POST", "/providers/nothing/test"), 404)


def test_a_client_of_one_bot_changes_no_provider(
    make_api: MakeApi, retail: Bot, script: Provider
) -> None:
    narrow = make_api(bots=["retail"])
    order = {"name": "voice", "kind": "tts", "plugin": "rehearsal"}
    problem(narrow.ask("POST", "/providers", order), 403)
    problem(narrow.ask("PATCH", "/providers/script", {"params": {}}, match=1), 403)
    problem(narrow.ask("PUT", "/providers/script", {}, match=1), 403)
    problem(narrow.ask("DELETE", "/providers/script", match=1), 403)
    problem(narrow.ask("POST", "/providers/script/test"), 403)


def test_a_stale_change_of_a_provider_is_refused(api: Api, script: Provider) -> None:
    assert api.ask("PATCH", "/providers/script", {"params": {}}, match=1).status_code == 200
    problem(api.ask("PATCH", "/providers/script", {"params": {}}, match=1), 412)
    problem(api.ask("DELETE", "/providers/script"), 428)


# --- the catalogue --------------------------------------------------------------------------------


def test_the_catalogue_says_what_can_be_set_and_how(api: Api) -> None:
    response = api.get("/parameters")
    known = {each["name"]: each for each in response.json()["items"]}
    timeout = known["userNoInputTimeoutMS"]
    assert timeout["value"]["type"] == "integer"
    assert (timeout["unit"], timeout["value"]["minimum"]) == ("ms", 0)
    assert "session" in timeout["levels"]
    assert known["sendMetaDataPassword"]["secret"] is True
    assert api.get("/parameters", If_None_Match=response["ETag"]).status_code == 304


def test_plug_ins_tell_their_parameters_and_credentials(api: Api, locked: Provider) -> None:
    items = api.get("/plugins").json()["items"]
    found = next(each for each in items if each["name"] == "locked")
    assert found["credentials"]["properties"].keys() == {"lockedKey", "lockedRegion"}
    assert found["params"]["properties"] == {}
