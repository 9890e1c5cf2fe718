"""Secret parameters where they are stored: encrypted, and opened only where they are used.

A secret is stored as an envelope, ``{"$secret": "<token>"}``. The token is Fernet's
(https://github.com/fernet/spec), made under the first of ``settings.FIELD_KEYS``; every key of that
ring opens it. An empty secret means that there is none and is stored as it is.

On its way in a value passes `received`, is validated as `opened` shows it and stored as `sealed`
gives it back; on its way out it passes `opened_layers`. All of them take the catalogue that
declares the parameters, whether of a bot or of a plug-in's credentials.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeGuard

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.utils.translation import gettext, gettext_noop
from pydantic import SecretStr

from bots.core.params.resolve import MASK, Catalogue, Layer

_KEY = "$secret"
_UNREADABLE = gettext_noop(
    "cannot be decrypted with any of the keys in FIELD_KEYS; give its key back or set it again"
)


@cache
def _fernets(keys: tuple[str, ...]) -> tuple[Fernet, MultiFernet]:
    """The first key, and the ring of all of them."""
    ring = [Fernet(key) for key in keys]
    return ring[0], MultiFernet(ring)


def _ring() -> tuple[Fernet, MultiFernet]:
    return _fernets(tuple(settings.FIELD_KEYS))


def is_envelope(value: object) -> TypeGuard[dict[str, str]]:
    """Whether ``value`` has the form of an encrypted secret."""
    return isinstance(value, dict) and value.keys() == {_KEY} and isinstance(value[_KEY], str)


def _is_secret(known: Catalogue, name: str) -> bool:
    return name in known and known[name].param.secret


# --- setting --------------------------------------------------------------------------------------


def received(
    known: Catalogue, values: Mapping[str, Any], held: Mapping[str, Any] | None
) -> tuple[dict[str, Any], dict[str, str]]:
    """``values`` as somebody sets them over ``held``, and what is wrong with them by wire name.

    Secrets are write-only: the mask stands for the envelope in ``held``, or for no value if there
    is none. An envelope is taken only from ``held``: whoever saw one elsewhere must not have it
    decrypted by using it. ``held`` is None for something new, where the mask means nothing.
    """
    taken: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, value in values.items():
        if _is_secret(known, name) and value == MASK:
            if held is None:
                problems[name] = gettext("is only the mask of a secret; give the secret itself")
            elif name in held:
                taken[name] = held[name]
            continue
        if _is_secret(known, name) and is_envelope(value) and (held or {}).get(name) != value:
            problems[name] = gettext("is encrypted already; give the secret itself")
            continue
        taken[name] = value
    return taken, problems


def sealed(known: Catalogue, values: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` as they are stored: every secret that is set in an envelope."""
    first, _ = _ring()
    return {
        name: {_KEY: first.encrypt(value.encode()).decode("ascii")}
        if _is_secret(known, name) and isinstance(value, str) and value
        else value
        for name, value in values.items()
    }


def sealed_texts(texts: Mapping[str, str]) -> dict[str, str]:
    """``texts`` in one envelope; for rows that hold secrets of their own."""
    first, _ = _ring()
    return {_KEY: first.encrypt(json.dumps(dict(texts)).encode()).decode("ascii")}


# --- using ----------------------------------------------------------------------------------------


def opened(known: Catalogue, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """``values`` with every secret decrypted, and a problem for each that no key opens.

    Secrets come as `SecretStr`, which neither ``repr`` nor a log shows; those with a problem are
    left out.
    """
    _, ring = _ring()
    found: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, value in values.items():
        if not _is_secret(known, name):
            found[name] = value
        elif is_envelope(value):
            try:
                found[name] = SecretStr(ring.decrypt(value[_KEY].encode()).decode())
            except InvalidToken:
                problems[name] = gettext(_UNREADABLE)
        else:
            # Not encrypted: just being set, or stored before the parameter was declared secret.
            found[name] = SecretStr(value) if isinstance(value, str) else value
    return found, problems


def opened_texts(envelope: object) -> dict[str, str]:
    """The texts that `sealed_texts` put into ``envelope``.

    Raises:
        LookupError: it is no envelope, or no key opens it.
    """
    if not is_envelope(envelope):
        raise LookupError("not encrypted texts")
    try:
        return dict(json.loads(_ring()[1].decrypt(envelope[_KEY].encode())))
    except InvalidToken:
        raise LookupError(_UNREADABLE) from None


def opened_layers(known: Catalogue, layers: Sequence[Layer]) -> tuple[list[Layer], dict[str, str]]:
    """``layers``, weakest first, with the secrets that count decrypted; problems name the layer.

    A secret that a stronger layer replaces stays as it is stored, so that a bot with a secret of
    its own works even if that of its base bot cannot be decrypted.
    """
    found: list[Layer] = []
    problems: dict[str, str] = {}
    decided: set[str] = set()
    for layer in reversed(layers):
        plain, wrong = opened(
            known, {name: v for name, v in layer.values.items() if name not in decided}
        )
        problems |= {name: f"{text} (set by {layer.name})" for name, text in wrong.items()}
        values = {name: v for name, v in layer.values.items() if name not in wrong}
        found.append(Layer(layer.level, layer.name, {**values, **plain}))
        decided |= layer.values.keys()
    return found[::-1], problems


# --- keys -----------------------------------------------------------------------------------------


def rotated(
    known: Catalogue, values: Mapping[str, Any]
) -> tuple[dict[str, Any], Counter[str], list[str]]:
    """``values`` with every secret under the first key, what was done, and what no key opens.

    Counted are the secrets that were ``current``, ``reencrypted``, or ``encrypted`` because they
    were stored plain. Envelopes under names that no loaded plug-in declares are secrets too.
    """
    found = sealed(known, values)
    done: Counter[str] = Counter(encrypted=sum(found[name] != values[name] for name in values))
    unreadable = []
    for name, value in values.items():
        if not is_envelope(value) or (name in known and not known[name].param.secret):
            continue
        try:
            found[name] = _rotated(value)
        except InvalidToken:
            unreadable.append(name)
        else:
            done["current" if found[name] == value else "reencrypted"] += 1
    return found, done, unreadable


def _rotated(envelope: dict[str, str]) -> dict[str, str]:
    """``envelope`` under the first key; the same one if that is what it was made with."""
    first, ring = _ring()
    token = envelope[_KEY].encode()
    try:
        first.decrypt(token)
    except InvalidToken:
        return {_KEY: ring.rotate(token).decode("ascii")}
    return envelope
