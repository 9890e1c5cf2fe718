"""The environment variables: defaults, values, files for secrets, and what is refused."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from gateway_project import environment
from gateway_project.environment import read
from gateway_project.variables import ROLES

pytestmark = pytest.mark.pure


def test_an_empty_environment_gives_the_embedded_defaults() -> None:
    values = read({})
    assert (values.host, values.port) == ("127.0.0.1", 8000)
    assert values.var_dir == Path.cwd() / "var"
    assert (values.database_url, values.redis_url) == ("", "")
    assert values.role == frozenset(ROLES)
    assert not values.demo
    assert not values.debug
    assert not values.log_pii


def test_every_value_is_read() -> None:
    values = read(
        {
            "HOST": "0.0.0.0",
            "PORT": "9000",
            "PUBLIC_URL": "https://gateway.example.com/",
            "ALLOWED_HOSTS": "a.example.com, b.example.com",
            "ROLE": "web, beat",
            "VAR_DIR": "/data",
            "DATABASE_URL": "postgres://u:p@db/gateway",
            "REDIS_URL": "rediss://cache:6380/2",
            "DEMO": "Yes",
            "MAX_CALLS": "200",
            "OUTBOUND_ALLOW": "10.1.0.0/16, ::1,crm.internal",
            "LOG_FORMAT": "JSON",
        }
    )
    assert (values.host, values.port) == ("0.0.0.0", 9000)
    assert values.public_url == "https://gateway.example.com"
    assert values.allowed_hosts == ("a.example.com", "b.example.com")
    assert values.role == {"web", "beat"}
    assert values.var_dir == Path("/data")
    assert values.database_url == "postgres://u:p@db/gateway"
    assert values.redis_url == "rediss://cache:6380/2"
    assert values.demo
    assert values.max_calls == 200
    assert values.outbound_allow == ("10.1.0.0/16", "::1", "crm.internal")
    assert values.log_format == "json"


def test_synthesised_prompts_are_kept_for_a_day_beside_the_database_unless_told_otherwise() -> None:
    values = read({})
    assert (values.tts_cache_hours, values.tts_cache_mb, values.tts_cache_dir) == (24, 500, None)
    values = read({"TTS_CACHE_HOURS": "0", "TTS_CACHE_MB": "9", "TTS_CACHE_DIR": "/shared/tts"})
    assert (values.tts_cache_hours, values.tts_cache_mb) == (0, 9)
    assert values.tts_cache_dir == Path("/shared/tts")


def test_an_empty_value_counts_as_not_set() -> None:
    assert read({"PORT": "", "DATABASE_URL": " "}) == read({})


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("PORT", "http", "PORT must be a whole number from 1 to 65535, not 'http'."),
        ("PORT", "0", "PORT must be a whole number from 1 to 65535, not '0'."),
        ("PORT", "٣", "PORT must be a whole number from 1 to 65535, not '٣'."),
        ("MAX_CALLS", "-1", "MAX_CALLS must be a whole number from 1 to 100000, not '-1'."),
        ("DEMO", "maybe", "DEMO must be 1 or 0 (also true/false, yes/no, on/off), not 'maybe'."),
        (
            "OUTBOUND_ALLOW",
            "crm.internal,10.0.0.1/8",
            "OUTBOUND_ALLOW must be comma-separated networks (10.1.0.0/16, ::1) and full host "
            "names, not 'crm.internal,10.0.0.1/8'.",
        ),
        ("LOG_FORMAT", "xml", "LOG_FORMAT must be one of console, json, not 'xml'."),
        (
            "TRACE_URL",
            "javascript:alert({trace})",
            "TRACE_URL must be a URL that starts with http:// or https://, not "
            "'javascript:alert({trace})'.",
        ),
        (
            "TRACE_URL",
            "http://localhost:16686/trace",
            "TRACE_URL must be an address with {trace} in it, where the id of a trace belongs, not "
            "'http://localhost:16686/trace'.",
        ),
        (
            "ROLE",
            "all,web",
            "ROLE must be all, or a comma-separated list of web, worker, beat, not 'all,web'.",
        ),
        (
            "ALLOWED_HOSTS",
            "good.example.com,http://x",
            "ALLOWED_HOSTS must be comma-separated host names without scheme, port and path, not "
            "'good.example.com,http://x'.",
        ),
        ("ROLE", ",", "ROLE must be all, or a comma-separated list of web, worker, beat, not ','."),
        (
            "PUBLIC_URL",
            "gateway.example.com",
            "PUBLIC_URL must be a URL that starts with http:// or https://, not "
            "'gateway.example.com'.",
        ),
        (
            "PUBLIC_URL",
            "https://example.com/gateway",
            "PUBLIC_URL must be a URL without a path, such as https://gateway.example.com, not "
            "'https://example.com/gateway'.",
        ),
        (
            "REDIS_URL",
            "localhost:6379",
            "REDIS_URL must be a URL that starts with redis:// or rediss:// or unix://.",
        ),
        (
            "REDIS_URL",
            "redis://host:port/0",
            "REDIS_URL must be a URL that starts with redis:// or rediss:// or unix://.",
        ),
    ],
)
def test_a_malformed_value_is_refused_with_a_sentence(name: str, value: str, sentence: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        read({name: value})
    assert str(refused.value) == sentence


def test_all_malformed_values_are_named_at_once() -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        read({"PORT": "x", "DEMO": "x"})
    assert [line.split()[0] for line in str(refused.value).splitlines()] == ["PORT", "DEMO"]


def test_the_value_of_a_malformed_secret_is_not_repeated() -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        read({"DATABASE_URL": "mysql://user:canary@host/name"})
    assert "canary" not in str(refused.value)


KEYS = tuple(f"{letter * 43}=" for letter in "ab")


def test_keys_are_read_in_their_order(tmp_path: Path) -> None:
    assert read({"FIELD_KEYS": f"{KEYS[0]}, {KEYS[1]}"}).field_keys == KEYS
    file = tmp_path / "keys"
    file.write_text(",".join(KEYS) + "\n", encoding="utf-8")
    assert read({"FIELD_KEYS_FILE": str(file)}).field_keys == KEYS
    assert read({}).field_keys == ()


def test_a_malformed_key_is_refused_and_not_repeated() -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        read({"FIELD_KEYS": f"{KEYS[0]},canary"})
    assert str(refused.value) == (
        "FIELD_KEYS must be comma-separated keys, each of 32 random bytes in URL-safe base64."
    )


SIGN_ON = {
    "OIDC_ISSUER": "https://login.example.com/realms/staff/",
    "OIDC_CLIENT_ID": "gateway",
    "OIDC_CLIENT_SECRET": "canary",
    "OIDC_ROLES": "admins=administrator, cn=x,callcentre = supervisor",
}


def test_single_sign_on_is_switched_on_by_variables_alone() -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        read(SIGN_ON)
    assert str(refused.value).startswith("OIDC_ROLES must be comma-separated pairs such as")
    values = read({**SIGN_ON, "OIDC_ROLES": "admins=administrator, callcentre = supervisor"})
    assert values.oidc_issuer == "https://login.example.com/realms/staff"
    assert dict(values.oidc_roles) == {"admins": "administrator", "callcentre": "supervisor"}
    assert values.oidc_scopes == ("openid", "email", "profile")
    assert read({}).oidc_issuer == ""


def test_what_single_sign_on_lacks_is_named() -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        read({"OIDC_ISSUER": "http://localhost:8080"})
    assert str(refused.value).splitlines() == [
        "OIDC_CLIENT_ID must be set with OIDC_ISSUER.",
        "OIDC_CLIENT_SECRET must be set with OIDC_ISSUER.",
        "OIDC_ROLES must be set with OIDC_ISSUER.",
    ]
    with pytest.raises(ImproperlyConfigured, match="starts with https://, not 'http://login"):
        read({"OIDC_ISSUER": "http://login.example.com"})


def test_no_secret_is_in_the_repr() -> None:
    given = {"FIELD_KEYS": KEYS[0], "SECRET_KEY": "canary", "REDIS_URL": "redis://:canary@h"}
    text = repr(read({**given, "HOST": "0.0.0.0"}))
    assert "0.0.0.0" in text
    assert "canary" not in text
    assert KEYS[0] not in text


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("s3cret\n", encoding="utf-8")
    assert read({"GATEWAY_ADMIN_PASSWORD_FILE": str(file)}).admin_password == "s3cret"


def test_an_empty_file_counts_as_not_set(tmp_path: Path) -> None:
    file = tmp_path / "empty"
    file.touch()
    assert read({"SECRET_KEY_FILE": str(file)}).secret_key == ""


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    with pytest.raises(ImproperlyConfigured) as refused:
        read({"SECRET_KEY_FILE": missing})
    assert str(refused.value) == (
        f"SECRET_KEY_FILE must be the path of a readable text file, not '{missing}'."
    )


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured) as refused:
        read({"SECRET_KEY": "a", "SECRET_KEY_FILE": str(tmp_path)})
    assert str(refused.value) == "Set either SECRET_KEY or SECRET_KEY_FILE, not both."


def test_only_secrets_are_read_from_files(tmp_path: Path) -> None:
    assert read({"PORT_FILE": str(tmp_path / "missing")}).port == 8000


def test_every_variable_has_a_default_that_it_accepts_and_a_help_text() -> None:
    for variable in environment.variables():
        variable.parse(variable.default)
        assert variable.help.endswith(".")


def test_the_reference_page_is_up_to_date_and_names_every_variable(repository: Path) -> None:
    page = environment.reference()
    assert (repository / "docs/reference/environment.md").read_text(encoding="utf-8") == page
    for variable in environment.variables():
        assert f"| `{variable.name}` | " in page
    assert "| `PORT` | `8000` | TCP port to listen on. |" in page
    assert page.count("*Secret.*") == sum(variable.secret for variable in environment.variables())


@pytest.mark.parametrize(
    ("environ", "setting"),
    [
        ({}, ""),
        ({"HOST": "0.0.0.0", "PORT": "8100"}, "PORT=8100 "),
        ({"HOST": "192.0.2.1"}, "HOST=192.0.2.1 "),
    ],
)
def test_another_terminal_needs_the_address_if_it_is_not_the_usual(
    environ: dict[str, str], setting: str
) -> None:
    assert read(environ).setting == setting


def test_the_address_of_traces_has_a_place_for_the_id() -> None:
    address = "http://localhost:16686/trace/{trace}"
    assert (read({}).trace_url, read({"TRACE_URL": address}).trace_url) == ("", address)
