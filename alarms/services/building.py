"""Notifiers as destinations need them: built from what is stored, with secrets opened just then."""

from typing import Any

from django.conf import settings
from django.db import transaction

from alarms.core.ports import Notifier
from alarms.core.trap import Engine
from alarms.models import Destination
from alarms.notifiers import snmp
from alarms.services.ledger import locked_ledger
from bots import credentials
from bots.core import registry
from bots.core.errors import Fault, ParameterError, ServiceError
from bots.core.params.declare import ParamSet
from bots.core.params.resolve import Catalogue
from bots.core.registry import NoParams, Plugin


def introduce() -> None:
    """Tell the notifiers of SNMP as whom this installation speaks; needs the database."""
    with transaction.atomic():
        ledger = locked_ledger()
    engine = Engine(
        id=bytes.fromhex(ledger.engine_id),
        boots=ledger.engine_boots,
        since=ledger.engine_since,
        arc=settings.SNMP_ENTERPRISE,
    )
    snmp.speak_as(engine)


def plugin_of(destination: Destination) -> Plugin:
    """The plug-in by which ``destination`` is told.

    Raises:
        LookupError: it is not installed here.
    """
    return registry.plugin("notifier", destination.notifier)


def params_known(plugin: Plugin) -> Catalogue:
    """The parameters that destinations of ``plugin`` have."""
    return Catalogue(() if plugin.params is NoParams else (plugin.params,))


def built(destination: Destination) -> Notifier:
    """The notifier of ``destination``; asks key vaults, so it may wait for the network.

    Raises:
        ServiceError: it is not installed, or what is stored does not make one.
    """
    service = f"notifier:{destination.notifier}"
    try:
        plugin = plugin_of(destination)
        params = plugin.params.model_validate(destination.settings.get("params", {}))
        notifier: Notifier = plugin.factory(params, _opened(plugin, destination))
    except LookupError as error:
        raise ServiceError(service, Fault.INTERNAL, str(error)) from None
    except ParameterError as error:
        raise ServiceError(service, Fault.INTERNAL, str(error)[:300]) from None
    except ValueError:
        raise ServiceError(service, Fault.INTERNAL, "its parameters do not fit") from None
    return notifier


def _opened(plugin: Plugin, destination: Destination) -> ParamSet:
    stored: dict[str, Any] = destination.settings.get("credentials", {})
    return credentials.opened(plugin, stored)
