"""Secrets on their way into the database and out of it."""

from typing import Annotated, Any, ClassVar

import pytest
from cryptography.fernet import Fernet
from pydantic import Field, SecretStr
from pytest_django import Settings

from bots import secrets
from bots.core import catalogue, registry
from bots.core.params.declare import Level, Param, ParamSet, declared
from bots.core.params.resolve import MASK, Catalogue, Layer, resolve

pytestmark = pytest.mark.pure

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


class Echo(ParamSet):
    SECTION: ClassVar[str] = "Echo bot"
    greeting: Annotated[str, Param(help="What it says first.")] = Field("", alias="echoGreeting")
    pin: Annotated[SecretStr, Param(help="Unlocks it.", secret=True)] = Field(
        SecretStr(""), alias="echoPin"
    )


class EarCredentials(ParamSet):
    SECTION: ClassVar[str] = "Ear credentials"
    key: Annotated[SecretStr, Param(help="Key.", secret=True)] = Field(
        SecretStr(""), alias="earKey"
    )


KNOWN = Catalogue([Echo, EarCredentials])
LOST = {"$secret": "x"}


@pytest.fixture(autouse=True)
def _keys(settings: Settings) -> None:
    settings.FIELD_KEYS = (OLD,)


def sealed(**values: Any) -> dict[str, Any]:
    return secrets.sealed(KNOWN, values)


def plain(values: dict[str, Any]) -> dict[str, Any]:
    found, problems = secrets.opened(KNOWN, values)
    assert problems == {}
    return {k: v.get_secret_value() if isinstance(v, SecretStr) else v for k, v in found.items()}


def test_every_declared_secret_is_of_a_type_that_hides_itself() -> None:
    sections = {*catalogue.everything().sections, *(p.credentials for p in registry.plugins())}
    for section in sections:
        for parameter in declared(section):
            is_hidden = parameter.field.annotation is SecretStr
            assert parameter.param.secret == is_hidden, parameter.wire_name


# --- storing and opening --------------------------------------------------------------------------


@pytest.mark.parametrize("secret", ["1234", "ünïcode \N{KEY}", " ", MASK[:-1], '{"a": 1}'])
def test_a_secret_is_stored_in_an_envelope_and_comes_back(secret: str) -> None:
    stored = sealed(echoPin=secret, earKey=secret, echoGreeting="1234")
    assert secrets.is_envelope(stored["echoPin"])
    assert secrets.is_envelope(stored["earKey"])
    assert stored["earKey"] != stored["echoPin"]
    assert stored["echoGreeting"] == "1234"
    assert plain(stored) == {"echoPin": secret, "earKey": secret, "echoGreeting": "1234"}


def test_no_secret_and_what_is_encrypted_already_are_stored_as_they_are() -> None:
    stored = sealed(echoPin="1234", earKey="")
    assert stored["earKey"] == ""
    assert secrets.sealed(KNOWN, stored) == stored


def test_what_looks_like_an_envelope_in_another_parameter_is_a_plain_value() -> None:
    stored = sealed(echoGreeting={"$secret": "x"}, unknown={"$secret": "x"})
    assert plain(stored) == {"echoGreeting": {"$secret": "x"}, "unknown": {"$secret": "x"}}


@pytest.mark.parametrize(
    "value", [None, "x", {}, {"$secret": 1}, {"$secret": "x", "more": 1}, {"secret": "x"}, []]
)
def test_other_values_are_no_envelopes(value: object) -> None:
    assert not secrets.is_envelope(value)


def test_an_opened_secret_does_not_show_itself() -> None:
    found, _ = secrets.opened(KNOWN, {**sealed(echoPin="1234"), "earKey": "5678"})
    assert "1234" not in repr(found)
    assert "5678" not in repr(found)


@pytest.mark.parametrize(
    "token",
    ["", "x", "\N{KEY}", "gAAAAA" * 20, Fernet(NEW).encrypt(b"1234")],
    ids=["empty", "short", "no token", "damaged", "of another key"],
)
def test_a_token_that_no_key_opens_is_a_problem_of_its_parameter(token: str | bytes) -> None:
    text = token if isinstance(token, str) else token.decode()
    stored = {**sealed(echoPin="1234"), "earKey": {"$secret": text}}
    found, problems = secrets.opened(KNOWN, stored)
    assert list(found) == ["echoPin"]
    assert problems == {
        "earKey": "cannot be decrypted with any of the keys in FIELD_KEYS; give its key back or "
        "set it again"
    }


def test_every_key_opens_and_the_first_one_seals(settings: Settings) -> None:
    stored = sealed(echoPin="1234")
    settings.FIELD_KEYS = (NEW, OLD)
    assert plain(stored) == {"echoPin": "1234"}
    newer = sealed(echoPin="1234")
    settings.FIELD_KEYS = (NEW,)
    assert plain(newer) == {"echoPin": "1234"}
    assert secrets.opened(KNOWN, stored)[1].keys() == {"echoPin"}


# --- setting --------------------------------------------------------------------------------------


def test_the_mask_keeps_what_is_held() -> None:
    held = sealed(echoPin="1234")
    given = {"echoPin": MASK, "earKey": MASK, "echoGreeting": MASK}
    assert secrets.received(KNOWN, given, held) == ({**held, "echoGreeting": MASK}, {})


def test_the_mask_means_nothing_for_something_new() -> None:
    taken, problems = secrets.received(KNOWN, {"echoPin": MASK, "echoGreeting": "Hi"}, None)
    assert taken == {"echoGreeting": "Hi"}
    assert problems == {"echoPin": "is only the mask of a secret; give the secret itself"}


def test_an_encrypted_secret_is_taken_only_from_where_it_is_held() -> None:
    held, foreign = sealed(echoPin="1234"), sealed(echoPin="5678")
    assert secrets.received(KNOWN, held, held) == (held, {})
    for elsewhere in (foreign, None, {}, {"earKey": held["echoPin"]}):
        taken, problems = secrets.received(KNOWN, held, elsewhere)
        assert taken == {}
        assert problems == {"echoPin": "is encrypted already; give the secret itself"}


def test_a_new_secret_and_other_values_are_taken_as_they_are() -> None:
    given = {"echoPin": "5678", "echoGreeting": {"$secret": "x"}, "unknown": MASK}
    assert secrets.received(KNOWN, given, sealed(echoPin="1234")) == (given, {})


# --- inheritance ----------------------------------------------------------------------------------


def layers(base: dict[str, Any], bot: dict[str, Any]) -> list[Layer]:
    return [Layer(Level.BASE_BOT, "base bot b", base), Layer(Level.BOT, "bot d", bot)]


def test_a_problem_names_the_layer_and_other_values_stay() -> None:
    found, problems = secrets.opened_layers(
        KNOWN, layers({"echoPin": LOST, "echoGreeting": "Hi"}, {"echoGreeting": "Ho"})
    )
    assert [(layer.name, layer.values) for layer in found] == [
        ("base bot b", {"echoGreeting": "Hi"}),
        ("bot d", {"echoGreeting": "Ho"}),
    ]
    assert problems.keys() == {"echoPin"}
    assert problems["echoPin"].endswith("(set by base bot b)")


def test_a_lost_secret_does_not_matter_where_it_is_replaced() -> None:
    found, problems = secrets.opened_layers(
        KNOWN, layers({"echoPin": LOST}, sealed(echoPin="1234"))
    )
    assert problems == {}
    resolved = resolve(KNOWN, found)
    assert resolved[Echo].pin.get_secret_value() == "1234"
    assert [value for _, value in resolved.chain("echoPin")] == ["", MASK, MASK]
    assert "1234" not in repr(resolved.layers)


# --- keys -----------------------------------------------------------------------------------------


def test_secrets_move_to_the_first_key_once(settings: Settings) -> None:
    before = sealed(echoPin="1234", echoGreeting="Hi")
    settings.FIELD_KEYS = (NEW, OLD)
    stored = {**before, **sealed(earKey="5678")}
    after, done, unreadable = secrets.rotated(KNOWN, stored)
    assert (done["reencrypted"], done["current"], done["encrypted"]) == (1, 1, 0)
    assert (after["earKey"], unreadable) == (stored["earKey"], [])
    again, done, _ = secrets.rotated(KNOWN, after)
    assert again == after
    assert (done["reencrypted"], done["current"]) == (0, 2)
    settings.FIELD_KEYS = (NEW,)
    assert plain(after) == {"echoPin": "1234", "echoGreeting": "Hi", "earKey": "5678"}


def test_a_value_that_became_a_secret_is_encrypted() -> None:
    after, done, _ = secrets.rotated(KNOWN, {"echoPin": "1234", "earKey": ""})
    assert secrets.is_envelope(after["echoPin"])
    assert plain(after) == {"echoPin": "1234", "earKey": ""}
    assert (done["encrypted"], done["current"], done["reencrypted"]) == (1, 0, 0)


def test_what_no_key_opens_is_named_and_left_alone() -> None:
    stored = {"echoPin": LOST, "echoGreeting": LOST}
    after, done, unreadable = secrets.rotated(KNOWN, stored)
    assert (after, done.total(), unreadable) == (stored, 0, ["echoPin"])


def test_a_secret_of_a_plugin_that_is_not_loaded_moves_too(settings: Settings) -> None:
    stored = {"goneKey": sealed(earKey="5678")["earKey"]}
    settings.FIELD_KEYS = (NEW, OLD)
    after, done, unreadable = secrets.rotated(KNOWN, stored)
    assert (done["reencrypted"], unreadable) == (1, [])
    settings.FIELD_KEYS = (NEW,)
    assert plain({"earKey": after["goneKey"]}) == {"earKey": "5678"}
