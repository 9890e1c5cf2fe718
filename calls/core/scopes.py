"""Parameters in force: what the bot sets at run time, over the configuration the call started with.

``sessionParams`` last for the rest of the call; ``activityParams`` until the next message or audio
activity is handled (Bot API reference, "Parameter scopes"). What a bot may not set, or does not
exist, is left out and named; the rest of the activity counts.
"""

from itertools import islice
from typing import Any, TypeVar

from bots.core.activities import Activity, Json
from bots.core.errors import ParameterError
from bots.core.params.declare import Level, ParamSet
from bots.core.params.resolve import Layer, Resolved
from calls.core import vocabulary
from calls.core.vocabulary import Purpose

P = TypeVar("P", bound=ParamSet)

MAX_VALUES = 1000
"""Parameters in one scope of an activity, many times those that exist; more are not looked at."""
MAX_NAMED = 20
"""Refused parameters of one activity that are named; of the others the number."""
MAX_NAME_CHARACTERS = 100

_BY_BOT = "bot at run time"
_ENDING_A_SCOPE = frozenset({Purpose.MESSAGE, Purpose.PLAY_URL})


class Scopes:
    """The session and activity scope of one call over its frozen configuration."""

    def __init__(self, configured: Resolved) -> None:
        self._configured = configured
        self._session: Json = {}
        self._activity: Json = {}
        self._supervised: dict[str, Json] = {}
        """What people have set in this call, by their names."""
        self._resolved = configured
        self._lasting = configured

    def __getitem__(self, section: type[P]) -> P:
        """The section with the values in force."""
        return self._resolved[section]

    @property
    def resolved(self) -> Resolved:
        """The values in force; another object whenever they have changed."""
        return self._resolved

    @property
    def lasting(self) -> Resolved:
        """The values for the rest of the call, without the scope of an activity."""
        return self._lasting

    def enter(self, activity: Activity) -> dict[str, str]:
        """Apply the parameters of ``activity`` as it is handled; answers what was refused, why."""
        problems: dict[str, str] = {}
        session = self._accepted(Level.SESSION, activity.session_params, problems)
        if activity.event == "config" and activity.activity_params:
            session |= self._accepted(Level.SESSION, activity.activity_params, problems)
            lasting = {name: self._activity[name] for name in self._activity.keys() - session}
        elif activity.event in vocabulary.OWN_ARGUMENTS:
            lasting = self._activity
        else:
            lasting = self._accepted(Level.ACTIVITY, activity.activity_params, problems)
            if vocabulary.purpose(activity) not in _ENDING_A_SCOPE:
                lasting = self._activity | lasting
        try:
            self._set(self._session | session, lasting)
        except ParameterError as error:
            # Each value is right by itself, but they contradict each other or what is configured.
            problems |= error.problems
        return _some(problems)

    def supervise(self, name: str, value: Any, by: str) -> str:
        """Give a live parameter another value for the rest of the call; None takes it back.

        Stronger than anything the bot sets. Answers what is wrong; empty when it is in force.
        """
        known = self._configured.catalogue
        given = {} if value is None else {name: value}
        problems = known.misplaced(Level.SUPERVISOR, {name: value})
        problems |= known.problems(Level.SUPERVISOR, given)
        if problems:
            return problems.get(name) or "; ".join(problems.values())
        others = {
            who: {key: kept for key, kept in values.items() if key != name}
            for who, values in self._supervised.items()
        }
        mine = others.get(by, {}) | given
        before, self._supervised = self._supervised, {**others, by: mine}
        try:
            self._resolve(self._session, self._activity)
        except ParameterError as error:
            self._supervised = before
            return "; ".join(f"{key}: {text}" for key, text in error.problems.items())
        return ""

    def _accepted(self, level: Level, values: Any, problems: dict[str, str]) -> Json:
        if not isinstance(values, dict) or not values:
            return {}
        if len(values) > MAX_VALUES:
            problems[f"{len(values)} parameters"] = "too many at once"
            return {}
        refused = self._configured.catalogue.problems(level, values)
        problems |= refused
        return {name: value for name, value in values.items() if name not in refused}

    def _set(self, session: Json, activity: Json) -> None:
        if (session, activity) != (self._session, self._activity):
            self._resolve(session, activity)

    def _resolve(self, session: Json, activity: Json) -> None:
        lasting = self._configured
        if session:
            lasting = lasting.overlay(Layer(Level.SESSION, _BY_BOT, session))
        for who, values in self._supervised.items():
            if values:
                lasting = lasting.overlay(Layer(Level.SUPERVISOR, f"supervisor {who}", values))
        resolved = lasting
        if activity:
            resolved = lasting.overlay(Layer(Level.ACTIVITY, _BY_BOT, activity))
        self._session, self._activity = session, activity
        self._lasting, self._resolved = lasting, resolved


def _some(problems: dict[str, str]) -> dict[str, str]:
    """As many ``problems`` as people read: a bot may send names without end."""
    if len(problems) <= MAX_NAMED and all(len(name) <= MAX_NAME_CHARACTERS for name in problems):
        return problems
    named = {name[:MAX_NAME_CHARACTERS]: problems[name] for name in islice(problems, MAX_NAMED)}
    if len(problems) > MAX_NAMED:
        named[f"{len(problems) - MAX_NAMED} more"] = "refused, too"
    return named
