"""Which parameters exist: the common sections and those of the plug-ins.

Wire names are unique over all plug-ins, so that a stored value means one thing whatever providers a
bot uses, and survives a change of provider and back.
"""

from collections.abc import Iterable
from functools import lru_cache

from bots.core import registry
from bots.core.params.declare import ParamSet
from bots.core.params.resolve import Catalogue
from bots.core.params.sections import COMMON


def everything() -> Catalogue:
    """The common sections and the parameters of every plug-in that is loaded.

    Raises:
        TypeError: two plug-ins declare the same wire name.
    """
    return of(registry.plugins())


def of(plugins: Iterable[registry.Plugin]) -> Catalogue:
    """The common sections and the parameters of ``plugins``.

    Raises:
        TypeError: two plug-ins declare the same wire name.
    """
    return _catalogue(tuple(dict.fromkeys(plugin.params for plugin in plugins)))


@lru_cache(maxsize=256)
def _catalogue(sections: tuple[type[ParamSet], ...]) -> Catalogue:
    return Catalogue((*COMMON, *sections))
