"""What providers prove themselves with: stored apart from their parameters, opened for use only.

A plug-in declares its credentials like parameters. A secret among them is stored as an encrypted
envelope (see `bots.secrets`) or as a reference to a key vault, ``{"$vault": "<identifier>"}``
(see `bots.vault`). The other credentials are stored as they are.
"""

from collections.abc import Mapping
from enum import StrEnum
from functools import lru_cache
from typing import Any, TypeGuard

import msgspec
from pydantic import SecretStr, ValidationError

from bots import secrets
from bots.core.errors import ParameterError, ServiceError
from bots.core.params.declare import Declared, Level, ParamSet
from bots.core.params.problems import by_wire_name
from bots.core.params.resolve import Catalogue
from bots.core.registry import NoParams, Plugin
from bots.vault import Known, key_vault

_KEY = "$vault"


class State(StrEnum):
    """How one credential, or all of a provider's, are doing."""

    NONE_NEEDED = "none-needed"
    SET = "set"
    VAULT = "vault"
    MISSING = "missing"
    AWAY = "away"
    """Its key vault could not be read the last time; the value read before is used."""
    UNREADABLE = "unreadable"


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """One credential as people may see it; ``shown`` is its value, of a secret at most a hint."""

    declared: Declared
    state: State
    shown: str = ""
    url: str = ""
    known: Known | None = None

    @property
    def name(self) -> str:
        """Its wire name."""
        return self.declared.wire_name


@lru_cache(maxsize=256)
def _catalogue(section: type[ParamSet]) -> Catalogue:
    return Catalogue(() if section is NoParams else (section,))


def known(plugin: Plugin) -> Catalogue:
    """The credentials that ``plugin`` declares."""
    return _catalogue(plugin.credentials)


def reference(url: str) -> dict[str, str]:
    """What is stored for a secret in a key vault."""
    return {_KEY: url}


def is_reference(value: object) -> TypeGuard[dict[str, str]]:
    """Whether ``value`` names a secret in a key vault."""
    return isinstance(value, dict) and value.keys() == {_KEY} and isinstance(value[_KEY], str)


# --- setting --------------------------------------------------------------------------------------


def received(
    plugin: Plugin, values: Mapping[str, Any], held: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """``values`` as they are to be stored in place of ``held``, and what is wrong with them.

    The mask leaves a secret as it is; an empty one is left out. Secrets come back encrypted.
    """
    declared = known(plugin)
    named = {name: value for name, value in values.items() if is_reference(value)}
    others = {name: value for name, value in values.items() if name not in named and value != ""}
    taken, problems = secrets.received(declared, others, held)
    kept = {name: value for name, value in taken.items() if is_reference(value)}
    plain, unreadable = secrets.opened(
        declared, {name: value for name, value in taken.items() if name not in kept}
    )
    problems |= declared.problems(Level.PROVIDER, plain) | unreadable
    for name, value in named.items():
        if problem := _reference_problem(declared, name, value[_KEY]):
            problems[name] = problem
    return {**secrets.sealed(declared, taken), **named}, problems


def _reference_problem(declared: Catalogue, name: str, url: str) -> str:
    if name not in declared:
        return declared.misplaced(Level.PROVIDER, {name: ""})[name]
    if not declared[name].param.secret:
        return "is no secret; give the value itself"
    try:
        key_vault().place(url)
    except ValueError as error:
        return str(error)
    return ""


# --- using ----------------------------------------------------------------------------------------


def opened(plugin: Plugin, stored: Mapping[str, Any]) -> ParamSet:
    """The credentials themselves; reads key vaults, so it may wait for the network.

    Raises:
        ParameterError: what no key decrypts, what a vault does not give, and what the plug-in
            refuses, by wire name.
    """
    declared = known(plugin)
    named = {name: value[_KEY] for name, value in stored.items() if is_reference(value)}
    values, problems = secrets.opened(
        declared, {name: value for name, value in stored.items() if name not in named}
    )
    for name, url in named.items():
        try:
            values[name] = SecretStr(key_vault().value(url))
        except ServiceError as error:
            problems[name] = f"cannot be read from its key vault: {error.detail}"
    try:
        # What an earlier version of the plug-in asked for is kept, but of no use.
        found = plugin.credentials.model_validate(
            {n: v for n, v in values.items() if n in declared}
        )
    except ValidationError as error:
        raise ParameterError({**by_wire_name(plugin.credentials, error), **problems}) from None
    if problems:
        raise ParameterError(problems)
    return found


def in_vaults(stored: Mapping[str, Any]) -> list[str]:
    """The identifiers of the secrets that are kept in key vaults."""
    return [value[_KEY] for value in stored.values() if is_reference(value)]


# --- showing --------------------------------------------------------------------------------------


def states(plugin: Plugin, stored: Mapping[str, Any]) -> list[Credential]:
    """Every credential that ``plugin`` declares, in order; asks no vault."""
    return [_credential(declared, stored.get(declared.wire_name)) for declared in known(plugin)]


def _credential(declared: Declared, value: Any) -> Credential:
    if value in (None, ""):
        return Credential(declared=declared, state=State.MISSING)
    if is_reference(value):
        url = value[_KEY]
        about = key_vault().known(url)
        if about.failure:
            state = State.UNREADABLE if about.age_s is None else State.AWAY
        else:
            state = State.VAULT
        return Credential(declared=declared, state=state, url=url, known=about)
    if not declared.param.secret:
        return Credential(declared=declared, state=State.SET, shown=str(value))
    plain, problems = secrets.opened(Catalogue((declared.section,)), {declared.wire_name: value})
    if problems:
        return Credential(declared=declared, state=State.UNREADABLE)
    hint, secret = declared.param.hint, plain[declared.wire_name]
    shown = hint(secret.get_secret_value()) if hint and isinstance(secret, SecretStr) else ""
    return Credential(declared=declared, state=State.SET, shown=shown)


_WORST_FIRST = (State.UNREADABLE, State.AWAY, State.VAULT, State.SET)


def state(plugin: Plugin, stored: Mapping[str, Any]) -> State:
    """All credentials in one word: the worst of those that are set."""
    if not len(known(plugin)):
        return State.NONE_NEEDED
    found = {credential.state for credential in states(plugin, stored)}
    return next((each for each in _WORST_FIRST if each in found), State.MISSING)
