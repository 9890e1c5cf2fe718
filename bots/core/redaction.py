"""What no log line and no alarm may hold: secrets, and what is known of callers.

Keys decide first: the value of a key that names a secret is masked, and keys that start with
``pii.`` are dropped. Every other text is searched for what looks like a secret, a phone number or
an address of a person. Searching costs most, so a text is first asked for the characters without
which there is nothing to find.
"""

import re
from collections.abc import Mapping, MutableMapping, Sequence
from enum import Enum, auto
from functools import lru_cache
from typing import Any, TypeGuard

MASK = "•••"
_DEPTH_LIMIT = 8
_LONGEST_TEXT = 20_000
_ELLIPSIS = "…"

_SECRET_WORDS = frozenset(
    {
        "apikey",
        "authorization",
        "cookie",
        "cookies",
        "credential",
        "credentials",
        "key",
        "keys",
        "passphrase",
        "passwd",
        "password",
        "sas",
        "secret",
        "secrets",
        "sessionid",
        "sig",
        "signature",
        "token",
        "tokens",
    }
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_CREDENTIALS = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{6,}")
_OWN_TOKEN = re.compile(r"\bvgw_[\w-]+")
_KNOWN_KEY = re.compile(r"\b(?:whsec_|sk[-_]|xox[a-z]-|gh[a-z]_|AIza|AKIA)[\w+/=-]{12,}")
"""Keys that their makers let begin so that they are found."""
_WEB_TOKEN = re.compile(r"(?<![\w-])eyJ[\w-]{8,}\.[\w-]+\.[\w-]*")
_PRIVATE_KEY = re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----)(?s:.*?)(-----END|$)")
_URL_PASSWORD = re.compile(r"(://[^\s/@:]*):[^\s/]+@")
_URL_USER = re.compile(r"(://)[^\s/@:]+@")
_NAMED = r"[\w.-]*(?:token|secret|password|passwd|api_?key|signature)"
_QUOTED = r"\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?"
_SECRET_QUERY = re.compile(
    rf"(?i)((?:^|[?&;\s\"'(,{{\[])(?:{_NAMED}|key|code|sig|sas)\s?=\s?)(?:{_QUOTED}|[^&\s\"']+)"
)
_SECRET_PAIR = re.compile(rf"(?i)([\"'](?:{_NAMED}|key|sig|sas)[\"']\s*:\s*)(?:{_QUOTED})")
_SECRET_PAIR_WITHIN = re.compile(
    rf"(?i)(\\+[\"'](?:{_NAMED}|key|sig|sas)\\+[\"']\s*:\s*\\+[\"'])[^\"'\\]*"
)
"""The same in a text that is quoted itself."""
# Of `secret: ...` most is said about a secret; only what has a digit in it looks like one.
_SECRET_SAID = re.compile(
    r"(?i)(?<![\w.-])([\w.-]*(?:token|secret|password|passwd|key|signature)\s?:\s?)"
    r"(?=[^\s\"',;]{0,200}\d)[^\s\"',;]{8,}"
)
_SECRET_HEADER = re.compile(
    r"(?i)(?<![\w.])((?:proxy-)?authorization|(?:set-)?cookie)(\\*[\"']?\s?[:,=]\s*)"
    r"(?!\s|(?:bearer|basic)\s)[^\r\n\"']+"
)
_LEAST_RANDOM = 20
_PIECE = re.compile(r"(?<=/)[A-Za-z0-9_:-]{20,}")
"""A piece of a path that is long enough to be a secret."""
_UUID = re.compile(r"(?i)[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_RUN = re.compile(r"[A-Za-z0-9]{11,}")
"""Words, dates and the names of hosts and processes have marks between shorter ones."""
_DIGIT_TURN = re.compile(r"(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])")
_CAPITAL_TURN = re.compile(r"(?<=[a-z])(?=[A-Z])")
_TELLING = ("token", "secret", "passw", "key", "signature")
"""Without one of them nothing is said about a secret."""

# NB no pattern may be followed to the end of a text from each of its beginnings: that is quadratic.
_SIP_USER = re.compile(r"(?i)\b(sips?):[^\s@<>\"']{1,128}@")
_TEL = re.compile(r"(?i)\btel:[^\s<>\"';,]+")
_MAIL_USER = re.compile(r"(?<![\w.+%-])[\w.+%-]++(?=@[\w-]+\.\w)")
_MANY_DIGITS = re.compile(r"\d[ ()./\d-]{4,}\d")
"""Without this there is no phone number."""
# Not within a word, an address or a longer run of digits and dashes.
_NOT_AFTER, _NOT_BEFORE = r"(?<![\w.:-])", r"(?![\w:]|[.-]\w)"
_PHONE_NUMBER = re.compile(
    # International: +49 (30) 123-456
    r"(?<![\w+])\+\(?\d(?:[ ()./-]{0,2}\d){6,14}(?!\d)"
    # The same with 00, and national ones such as 030 123456 or (030) 12 34 56
    rf"|{_NOT_AFTER}\(?0\d{{1,4}}\)?(?:[ /-]?\d){{5,13}}{_NOT_BEFORE}"
    # North American: (202) 555-0199
    rf"|{_NOT_AFTER}(?:1[ .-])?\(?[2-9]\d\d\)?[ .-]\d{{3}}[ .-]\d{{4}}{_NOT_BEFORE}"
    # Digits alone, as carriers write international numbers: 4930123456
    rf"|{_NOT_AFTER}\d{{9,15}}{_NOT_BEFORE}"
)
_WITH_PLUS = re.compile(r"(?<![\w+])\+\d{7,15}(?!\d)")


class _Kind(Enum):
    """What a key says of its value."""

    TEXT = auto()
    SECRET = auto()
    CALLER = auto()
    NUMBER = auto()  # names one thing among others: digits are not a phone number
    OURS = auto()  # made here, of nothing from outside


_IDENTITIES = frozenset(
    {
        "call",
        "conversation_id",
        "delivery",
        "dialout",
        "process",
        "request_id",
        "span_id",
        "task_id",
        "trace_id",
    }
)
_OURS = frozenset({"level", "logger", "timestamp"})


class Redactor:
    """A structlog processor that masks secrets at any depth and drops caller data.

    A value is masked when the last word of its key names a secret (``api_key``, ``clientSecret``,
    ``X-Api-Key``), and see `redacted_text` for what is masked wherever it stands. With ``pii``
    only secrets are.
    """

    def __init__(self, *, pii: bool) -> None:
        self._pii = pii

    def __call__(
        self, _logger: Any, _method: str, event_dict: MutableMapping[str, Any]
    ) -> dict[str, Any]:
        """The line without secrets; a new mapping."""
        return self._mapping(event_dict, 0)

    def _mapping(self, values: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        clean: dict[str, Any] = {}
        for raw_key, value in values.items():
            key = raw_key if type(raw_key) is str else str(raw_key)
            kind = _kind(key) if len(key) < 100 else _judged(key)
            if kind is _Kind.CALLER and self._pii:
                kind = _judged(key.removeprefix("pii."))
            if kind is _Kind.TEXT:
                clean[key] = self._value(value, depth + 1)
            elif kind is _Kind.SECRET:
                clean[key] = _masked(value)
            elif kind is _Kind.NUMBER:
                text = value if type(value) is str else str(value)
                clean[key] = redacted_text(text, identity=True, pii=self._pii)
            elif kind is _Kind.OURS:
                clean[key] = value
        return clean

    def _value(self, value: Any, depth: int) -> Any:
        if type(value) is str:
            return redacted_text(value, pii=self._pii)
        if value is None or isinstance(value, bool | int | float):
            return value
        if depth > _DEPTH_LIMIT:
            return _ELLIPSIS
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        if isinstance(value, list | tuple | set | frozenset):
            if _is_secret_pair(value):
                return [_told(value[0]), _masked(value[1])]
            return [self._value(item, depth + 1) for item in value]
        return redacted_text(str(value) if isinstance(value, str) else repr(value), pii=self._pii)


def _judged(key: str) -> _Kind:
    if key.startswith("pii."):
        return _Kind.CALLER
    if key in _OURS:
        return _Kind.OURS
    if key in _IDENTITIES:
        return _Kind.NUMBER
    words = re.split(r"[^a-z0-9]+", _CAMEL.sub("_", key).lower())
    return _Kind.SECRET if words[-1].rstrip("0123456789") in _SECRET_WORDS else _Kind.TEXT


_kind = lru_cache(1024)(_judged)


def _is_secret_pair(value: Any) -> TypeGuard[Sequence[Any]]:
    """Whether it is a name and a secret, as headers are listed."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        return False
    name = _told(value[0])
    return isinstance(name, str) and len(name) < 100 and _judged(name) is _Kind.SECRET


def _told(name: Any) -> Any:
    return name.decode("latin-1") if isinstance(name, bytes) else name


def _masked(value: Any) -> Any:
    """A mask with the last four characters when the rest is long enough to stay secret."""
    if value is None or isinstance(value, bool) or value in ("", [], {}):
        return value
    return f"{MASK}{value[-4:]}" if isinstance(value, str) and len(value) >= 16 else MASK


def redacted_text(text: str, *, identity: bool = False, pii: bool = False) -> str:
    """``text`` with a mask for each secret in it, and unless ``pii`` for each trace of a person.

    Secrets are bearer and basic credentials, tokens of this gateway, JSON web tokens, passwords in
    addresses, secret query parameters, pieces of a path that look random and quoted pairs of a
    secret name and its value. Traces of persons are phone numbers, the users in SIP addresses and
    those in e-mail addresses. In a text that is an ``identity`` only ``+49...`` is a phone number.
    A very long text is cut.
    """
    if len(text) > _LONGEST_TEXT:
        text = text[:_LONGEST_TEXT] + _ELLIPSIS
    lowered = text.lower()
    text = _without_secrets(text, lowered)
    if pii:
        return text
    if "@" in text:
        text = _SIP_USER.sub(rf"\1:{MASK}@", text)
        text = _MAIL_USER.sub(MASK, text)
    if "tel:" in lowered:
        text = _TEL.sub(f"tel:{MASK}", text)
    if identity:
        return _WITH_PLUS.sub(MASK, text) if "+" in text else text
    return _PHONE_NUMBER.sub(MASK, text) if _MANY_DIGITS.search(text) else text


def _without_secrets(text: str, lowered: str) -> str:
    if "=" in text:
        text = _SECRET_QUERY.sub(rf"\1{MASK}", text)
    if "://" in text and "@" in text:
        text = _URL_PASSWORD.sub(rf"\1:{MASK}@", text)
        text = _URL_USER.sub(rf"\1{MASK}@", text)
    if "PRIVATE KEY-----" in text:
        text = _PRIVATE_KEY.sub(rf"\1{MASK}\2", text)
    if ":" in text and any(each in lowered for each in _TELLING):
        text = _told_secrets(text)
    if "authorization" in lowered or "cookie" in lowered:
        text = _SECRET_HEADER.sub(rf"\1\2{MASK}", text)
    if "_" in text or "-" in text or "AIza" in text or "AKIA" in text:
        text = _OWN_TOKEN.sub(f"vgw_{MASK}", text) if "vgw_" in text else text
        text = _KNOWN_KEY.sub(MASK, text)
    if "eyJ" in text:
        text = _WEB_TOKEN.sub(MASK, text)
    if "bearer" in lowered or "basic" in lowered:
        text = _CREDENTIALS.sub(rf"\1 {MASK}", text)
    return _PIECE.sub(_without_random, text) if "/" in text else text


def _without_random(found: re.Match[str]) -> str:
    """A mask for a piece that nobody has thought up, as in the address of a webhook."""
    piece = found[0]
    rest = _UUID.sub("", piece)
    random = len(rest) >= _LEAST_RANDOM and any(map(_is_random, _RUN.findall(rest)))
    return MASK if random else piece


def _is_random(run: str) -> bool:
    """Whether it turns between letters, digits and capitals more often than words and dates do."""
    digits, capitals = len(_DIGIT_TURN.findall(run)), len(_CAPITAL_TURN.findall(run))
    often = digits + capitals > 3 and (digits + capitals) * 6 > len(run)
    return often or (digits > 3 and len(run) >= _LEAST_RANDOM)


def _told_secrets(text: str) -> str:
    if '"' in text or "'" in text:
        text = _SECRET_PAIR.sub(rf'\1"{MASK}"', text)
        if "\\" in text:
            text = _SECRET_PAIR_WITHIN.sub(rf"\1{MASK}", text)
    return _SECRET_SAID.sub(rf"\1{MASK}", text)
