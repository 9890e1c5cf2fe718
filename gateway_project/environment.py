"""The environment variables of the gateway, each declared once.

`read` turns a mapping such as ``os.environ`` into a typed `Environment`; the reference page of the
documentation is generated from the same declarations (see `reference`). An empty value counts as
not set. A variable declared ``secret`` can also be given as ``NAME_FILE``, the path of a file that
holds the value, which is how container platforms hand over secrets.
"""

import dataclasses
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from gateway_project.logging import Style
from gateway_project.variables import (
    UnreadableFile,
    Variable,
    destinations,
    flag,
    given_text,
    host_names,
    issuer,
    key_ring,
    module_names,
    names,
    object_identifier,
    one_of,
    optional_path,
    path,
    processes,
    roles_of_groups,
    site,
    trace_page,
    url,
    whole,
)


def _field(
    name: str, default: str, parse: Callable[[str], Any], help_text: str, *, secret: bool = False
) -> Any:
    """A dataclass field that carries its `Variable`; the value of a secret is not in the repr."""
    declared = Variable(name, default, parse, help_text, secret)
    return dataclasses.field(repr=not secret, metadata={"variable": declared})


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """The values of all variables; see the help text of each."""

    host: str = _field(
        "HOST", "127.0.0.1", str, "Address to listen on; `0.0.0.0` for every interface."
    )
    port: int = _field("PORT", "8000", whole(1, 65535), "TCP port to listen on.")
    public_url: str = _field(
        "PUBLIC_URL",
        "",
        site,
        "Address under which browsers and voice servers reach the gateway. With `https://`, "
        "cookies are sent over TLS only and browsers are told to stay on TLS.",
    )
    allowed_hosts: tuple[str, ...] = _field(
        "ALLOWED_HOSTS",
        "",
        host_names,
        "Comma-separated host names the console answers to, besides the loopback names, `HOST` "
        "and the host of `PUBLIC_URL`.",
    )
    proxy_headers: bool = _field(
        "PROXY_HEADERS",
        "0",
        flag,
        "Believe the last address in `X-Forwarded-For`, and `X-Forwarded-Proto`. Only when one "
        "reverse proxy that sets both is the only way in.",
    )
    role: frozenset[str] = _field(
        "ROLE",
        "all",
        processes,
        "Which processes `manage.py gateway` starts: `all`, or a comma-separated list of `web`, "
        "`worker`, `beat`. Run exactly one `beat` per database.",
    )
    var_dir: Path = _field(  # noqa: RUF009 - a dataclass field like the others
        "VAR_DIR",
        "var",
        path,
        "Directory for the SQLite database, generated keys and collected static files; made with "
        "mode 0700.",
    )
    database_url: str = _field(
        "DATABASE_URL",
        "",
        url("sqlite", "postgres", "postgresql"),
        "`postgres://user:password@host/name`, or `sqlite:////absolute/path`. Empty: "
        "`gateway.sqlite3` in `VAR_DIR`.",
        secret=True,
    )
    redis_url: str = _field(
        "REDIS_URL",
        "",
        url("redis", "rediss", "unix"),
        "Redis or Valkey server for live events and task wake-ups, such as `redis://host:6379/0`; "
        "the broker uses the next database number. Empty: an embedded server is started.",
        secret=True,
    )
    broker_url: str = _field(
        "CELERY_BROKER_URL",
        "",
        url("redis", "rediss", "redis+socket", "amqp", "amqps"),
        "A message broker of its own for background tasks. Empty: derived from `REDIS_URL`.",
        secret=True,
    )
    secret_key: str = _field(
        "SECRET_KEY",
        "",
        str,
        "Signs sessions and forms. Empty: generated once and kept in `VAR_DIR`.",
        secret=True,
    )
    field_keys: tuple[str, ...] = _field(
        "FIELD_KEYS",
        "",
        key_ring,
        "Comma-separated keys of secrets in the database: the first encrypts, all decrypt. Each is "
        "32 random bytes in URL-safe base64. Needed with a database server; else, when empty, one "
        "is generated and kept in `VAR_DIR`.",
        secret=True,
    )
    admin_password: str = _field(
        "GATEWAY_ADMIN_PASSWORD",
        "",
        str,
        "Password of the user `admin` when it is first created. Empty: a random one is printed "
        "once.",
        secret=True,
    )
    oidc_issuer: str = _field(
        "OIDC_ISSUER",
        "",
        issuer,
        "Address of an OpenID Connect provider, such as `https://login.example.com/realms/staff`. "
        "People can then sign in there; needs the extra `oidc`, `OIDC_CLIENT_ID`, "
        "`OIDC_CLIENT_SECRET` and `OIDC_ROLES`.",
    )
    oidc_client_id: str = _field(
        "OIDC_CLIENT_ID", "", str, "What the gateway is called at the provider."
    )
    oidc_client_secret: str = _field(
        "OIDC_CLIENT_SECRET", "", str, "The gateway's password at the provider.", secret=True
    )
    oidc_scopes: tuple[str, ...] = _field(
        "OIDC_SCOPES",
        "openid, email, profile",
        names,
        "Comma-separated scopes to ask for; some providers give groups only for one of their own.",
    )
    oidc_role_claim: str = _field(
        "OIDC_ROLE_CLAIM",
        "groups",
        str,
        "The claim that lists a person's groups; dots lead into objects, as in "
        "`realm_access.roles`.",
    )
    oidc_roles: tuple[tuple[str, str], ...] = _field(
        "OIDC_ROLES",
        "",
        roles_of_groups,
        "Which group has which role: `gateway-admins=administrator, callcentre=supervisor`. Who "
        "is in none of them cannot sign in.",
    )
    oidc_name: str = _field(
        "OIDC_NAME", "single sign-on", str, "What the provider is called on the sign-in page."
    )
    demo: bool = _field("DEMO", "0", flag, "Create the demo bot at start; `make run` sets it to 1.")
    web_processes: int = _field(
        "WEB_PROCESSES",
        "1",
        whole(1, 64),
        "Processes that serve console, API and calls on the one port; Linux only beyond `1`. Each "
        "carries up to `MAX_CALLS`, has speech processes of its own and takes up to 10 connections "
        "of the database, which should be PostgreSQL then.",
    )
    max_calls: int = _field(
        "MAX_CALLS",
        "50",
        whole(1, 100_000),
        "Calls one process carries at once; further ones are refused as busy.",
    )
    drain_seconds: int = _field(
        "DRAIN_SECONDS",
        "30",
        whole(0, 86_400),
        "How long live calls may go on after a request to stop.",
    )
    outbound_allow: tuple[str, ...] = _field(
        "OUTBOUND_ALLOW",
        "",
        destinations,
        "Comma-separated networks (`10.1.0.0/16`) and host names that requests to addresses named "
        "by bots and operators may reach although they are not on the public Internet: audio files "
        "and metadata. `127.0.0.0/8` on a laptop.",
    )
    hooks_modules: tuple[str, ...] = _field(
        "HOOKS_MODULES",
        "",
        module_names,
        "Comma-separated Python modules with handlers of call events (`from calls.hooks import "
        "on`), such as `mybank.calls`.",
    )
    hooks_dir: Path | None = _field(  # noqa: RUF009 - as above
        "HOOKS_DIR",
        "",
        optional_path,
        "Directory in which these modules are looked for before the installed packages.",
    )
    hooks_deadline_ms: int = _field(
        "HOOKS_DEADLINE_MS",
        "5000",
        whole(100, 600_000),
        "How long a handler may take, in milliseconds; then it is cancelled.",
    )
    tts_cache_hours: int = _field(
        "TTS_CACHE_HOURS",
        "24",
        whole(0, 8760),
        "How long a synthesised prompt may be played again; `0` keeps none.",
    )
    tts_cache_mb: int = _field(
        "TTS_CACHE_MB",
        "500",
        whole(1, 10_000_000),
        "Room for synthesised prompts on disk, in millions of bytes; the oldest are deleted first.",
    )
    tts_cache_dir: Path | None = _field(  # noqa: RUF009 - as above
        "TTS_CACHE_DIR",
        "",
        optional_path,
        "Directory for synthesised prompts, which processes may share. Empty: `tts-cache` in "
        "`VAR_DIR`.",
    )
    api_basic_auth: bool = _field(
        "API_BASIC_AUTH",
        "1",
        flag,
        "Let API clients send client id and secret by HTTP Basic with every request; `0` asks for "
        "an OAuth access token.",
    )
    audit_days: int = _field(
        "AUDIT_DAYS", "400", whole(1, 36_500), "How long events of the audit log are kept."
    )
    gateway_name: str = _field(
        "GATEWAY_NAME",
        "",
        str,
        "What this installation is called in alarms, logs and traces. Empty: the host of "
        "`PUBLIC_URL`, or the name of this machine when that is only for itself.",
    )
    alarm_history: int = _field(
        "ALARM_HISTORY",
        "10000",
        whole(100, 10_000_000),
        "So many changes of alarms are kept; the oldest are deleted first.",
    )
    snmp_enterprise: str = _field(
        "SNMP_ENTERPRISE",
        "1.3.6.1.4.1.8072.9999.9999.2611",
        object_identifier,
        "Where traps and the MIB have their place: the number under which your organisation is "
        "registered (`1.3.6.1.4.1.<number>`) and what it keeps for the gateway. The default lies "
        "in the range that net-snmp keeps for trying things out.",
    )
    metrics_token: str = _field(
        "METRICS_TOKEN",
        "",
        str,
        "Bearer token with which Prometheus reads `/metrics`. Empty: only from this machine.",
        secret=True,
    )
    otlp_endpoint: str = _field(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "",
        url("http", "https"),
        "OpenTelemetry collector that traces of calls are sent to, such as "
        "`http://localhost:4318`; needs the extra `otel`. Empty: no traces.",
    )
    trace_url: str = _field(
        "TRACE_URL",
        "",
        trace_page,
        "Where people see the trace of a call, with `{trace}` in place of its id, such as "
        "`http://localhost:16686/trace/{trace}`: the pages of calls lead there.",
    )
    log_format: Style = _field(  # noqa: RUF009 - as above
        "LOG_FORMAT",
        "console",
        one_of("console", "json"),
        "`console` for people, `json` for one JSON object a line in Elastic's common schema (ECS).",
    )
    log_level: str = _field(
        "LOG_LEVEL",
        "info",
        one_of("debug", "info", "warning", "error"),
        "The least severe level that is logged.",
    )
    log_pii: bool = _field(
        "LOG_PII", "0", flag, "Also log callers' numbers, addresses and words; off in production."
    )
    debug: bool = _field(
        "DEBUG", "0", flag, "Django's debug mode: detailed error pages. Never in production."
    )

    @property
    def setting(self) -> str:
        """What a command in another terminal needs before it, such as ``PORT=8100 ``."""
        given = {}
        if self.host not in ("127.0.0.1", "0.0.0.0", "::"):  # noqa: S104 - compared
            given["HOST"] = self.host
        if self.port != 8000:
            given["PORT"] = str(self.port)
        return "".join(f"{name}={value} " for name, value in given.items())


def variables() -> list[Variable]:
    """Every declared variable, in the order of the reference page."""
    return [field.metadata["variable"] for field in dataclasses.fields(Environment)]


def read(environ: Mapping[str, str]) -> Environment:
    """The typed values of all variables.

    Raises:
        ImproperlyConfigured: values are malformed; one sentence per variable names it and says
            what it must be. Values of secrets are not repeated.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    for field in dataclasses.fields(Environment):
        declared: Variable = field.metadata["variable"]
        try:
            text = given_text(declared, environ)
            values[field.name] = declared.parse(text)
        except UnreadableFile as problem:
            problems.append(str(problem))
        except ValueError as problem:
            shown = "" if declared.secret else f", not {text!r}"
            problems.append(f"{declared.name} must be {problem}{shown}.")
    problems += [] if problems else _missing(values)
    if problems:
        raise ImproperlyConfigured("\n".join(problems))
    return Environment(**values)


def _missing(values: Mapping[str, Any]) -> list[str]:
    """What single sign-on needs besides its issuer."""
    if not values["oidc_issuer"]:
        return []
    needed = ("oidc_client_id", "oidc_client_secret", "oidc_roles")
    missing = [
        f"{name.upper()} must be set with OIDC_ISSUER." for name in needed if not values[name]
    ]
    if find_spec("mozilla_django_oidc") is None:
        missing.append("OIDC_ISSUER needs the extra oidc: pip install 'voice-ai-gateway[oidc]'.")
    return missing


def reference() -> str:
    """The reference page of the documentation, in Markdown."""
    lines = [
        "# Environment variables",
        "",
        "The gateway is configured by environment variables only. An empty value counts as not",
        "set. A malformed one stops the start with a sentence that names the variable.",
        "",
        "Variables marked *secret* can also be given as `NAME_FILE`, the path of a file that holds",
        "the value; their values are never logged.",
        "",
        "| Variable | Default | Meaning |",
        "|---|---|---|",
    ]
    for variable in variables():
        default = f"`{variable.default}`" if variable.default else ""
        secret = " *Secret.*" if variable.secret else ""
        lines.append(f"| `{variable.name}` | {default} | {variable.help}{secret} |")
    return "\n".join([*lines, ""])
