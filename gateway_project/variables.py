"""What an environment variable is, and how its text becomes a value.

Each parser raises `ValueError` with a phrase that completes "NAME must be ...".
"""

import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bots.core import roles
from bots.core.addresses import Destinations
from gateway_project.keys import is_field_key

ROLES = ("web", "worker", "beat")
"""The processes that ``manage.py gateway`` can start."""


@dataclasses.dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: its name, default text, meaning and parser.

    ``parse`` raises `ValueError` with a phrase that completes "NAME must be ...".
    """

    name: str
    default: str
    parse: Callable[[str], Any]
    help: str
    secret: bool = False


class UnreadableFile(ValueError):
    """A ``NAME_FILE`` variable points at something that cannot be read."""


def given_text(declared: Variable, environ: Mapping[str, str]) -> str:
    """The text of ``declared`` in ``environ`` or in the file named there, else the default.

    Raises:
        UnreadableFile: see there; the text is a whole sentence.
    """
    given = environ.get(declared.name, "").strip()
    file_name = environ.get(f"{declared.name}_FILE", "").strip() if declared.secret else ""
    if not file_name:
        return given or declared.default
    if given:
        raise UnreadableFile(f"Set either {declared.name} or {declared.name}_FILE, not both.")
    try:
        return Path(file_name).read_text(encoding="utf-8").strip() or declared.default
    except (OSError, UnicodeDecodeError):
        raise UnreadableFile(
            f"{declared.name}_FILE must be the path of a readable text file, not {file_name!r}."
        ) from None


def flag(text: str) -> bool:
    """A switch."""
    words = {"1": True, "true": True, "yes": True, "on": True}
    words |= {"0": False, "false": False, "no": False, "off": False}
    try:
        return words[text.lower()]
    except KeyError:
        raise ValueError("1 or 0 (also true/false, yes/no, on/off)") from None


def whole(low: int, high: int) -> Callable[[str], int]:
    """The parser of whole numbers from ``low`` to ``high``."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
            raise ValueError(f"a whole number from {low} to {high}")
        return int(text)

    return parse


def one_of(*words: str) -> Callable[[str], str]:
    """The parser of one of ``words``, in any case."""

    def parse(text: str) -> str:
        if text.lower() not in words:
            raise ValueError("one of " + ", ".join(words))
        return text.lower()

    return parse


def names(text: str) -> tuple[str, ...]:
    """What stands between commas; never refused."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def host_names(text: str) -> tuple[str, ...]:
    """Names of hosts; ``*`` and leading dots are wildcards."""
    hosts = names(text)
    if not all(
        re.fullmatch(r"\*|\.?[\w-]+(\.[\w-]+)*\.?|\[[0-9A-Fa-f:.]+\]", host) for host in hosts
    ):
        raise ValueError("comma-separated host names without scheme, port and path")
    return hosts


def module_names(text: str) -> tuple[str, ...]:
    """Dotted names of Python modules."""
    modules = names(text)
    if not all(part.isidentifier() for name in modules for part in name.split(".")):
        raise ValueError("comma-separated names of Python modules, such as mybank.calls")
    return modules


def key_ring(text: str) -> tuple[str, ...]:
    """Keys that encrypt, see `gateway_project.keys`."""
    found = names(text)
    if not all(map(is_field_key, found)):
        raise ValueError("comma-separated keys, each of 32 random bytes in URL-safe base64")
    return found


def destinations(text: str) -> tuple[str, ...]:
    """Networks and hosts, see `bots.core.addresses`."""
    try:
        Destinations(names(text))
    except ValueError:
        raise ValueError(
            "comma-separated networks (10.1.0.0/16, ::1) and full host names"
        ) from None
    return names(text)


def processes(text: str) -> frozenset[str]:
    """Which of `ROLES` are meant."""
    chosen = frozenset(names(text.lower()))
    if chosen == {"all"}:
        return frozenset(ROLES)
    if not chosen or not chosen <= frozenset(ROLES):
        raise ValueError(f"all, or a comma-separated list of {', '.join(ROLES)}")
    return chosen


def url(*schemes: str) -> Callable[[str], str]:
    """The parser of addresses with one of ``schemes``; may be empty."""
    wanted = " or ".join(f"{scheme}://" for scheme in schemes)

    def parse(text: str) -> str:
        try:
            parts = urlsplit(text)
            complete = parts.scheme in schemes and bool(parts.netloc or parts.path)
            complete = complete and parts.port != 0  # NB reading the port checks it
        except ValueError:
            complete = False
        if text and not complete:
            raise ValueError(f"a URL that starts with {wanted}")
        return text

    return parse


def trace_page(text: str) -> str:
    """An address of http with a place for the id of a trace; may be empty."""
    url("http", "https")(text.replace("{trace}", "0"))
    if text and "{trace}" not in text:
        raise ValueError("an address with {trace} in it, where the id of a trace belongs")
    return text


def object_identifier(text: str) -> str:
    """The place of a MIB (RFC 2578)."""
    arcs = text.split(".")
    good = re.fullmatch(r"1\.3\.6\.1(\.(0|[1-9]\d{0,9})){2,40}", text, re.ASCII)
    if not good or any(int(arc) > 4_294_967_295 for arc in arcs):
        raise ValueError("an object identifier below 1.3.6.1, such as 1.3.6.1.4.1.99999.1")
    return text


def site(text: str) -> str:
    """The address of a web site without a path; may be empty."""
    url("http", "https")(text)
    if text and (urlsplit(text).path not in ("", "/") or not urlsplit(text).hostname):
        raise ValueError("a URL without a path, such as https://gateway.example.com")
    return text.rstrip("/")


def issuer(text: str) -> str:
    """The address of an OpenID Connect provider; may be empty."""
    url("http", "https")(text)
    parts = urlsplit(text)
    if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise ValueError("a URL that starts with https://")
    return text.rstrip("/")


def roles_of_groups(text: str) -> tuple[tuple[str, str], ...]:
    """Pairs of a group and the role of those in it."""
    pairs = tuple(tuple(map(str.strip, part.rpartition("=")[::2])) for part in names(text))
    if not all(group and role in roles.ROLES for group, role in pairs):
        raise ValueError(
            "comma-separated pairs such as gateway-supervisors=supervisor; the roles are "
            + ", ".join(roles.ROLES)
        )
    return tuple((group, role) for group, role in pairs)


def path(text: str) -> Path:
    """An absolute path."""
    return Path(text).expanduser().absolute()


def optional_path(text: str) -> Path | None:
    """An absolute path, or None."""
    return path(text) if text else None
