"""Which parameters exist: the common sections and those of the plug-ins.

Wire names are unique over all plug-ins, so that a stored value means one thing whatever providers a
bot uses, and survives a change of provider and back.
"""

from collections.abc import Iterable
from functools import lru_cache

from bots.core import registry
from bots.core.params.declare import Level, ParamSet
from bots.core.params.resolve import Catalogue, Layer
from bots.core.params.sections import COMMON

BY_PLUGIN = "default of "
"""How the name of an origin begins if a plug-in's own default is what counts."""


def everything() -> Catalogue:
    """The common sections and the parameters of every plug-in that is loaded.

    Raises:
        TypeError: two plug-ins declare the same wire name.
    """
    return of(registry.plugins())


def check() -> None:
    """See that what the plug-ins declare fits together; done once, when they are all loaded.

    Raises:
        TypeError: two plug-ins declare the same wire name, or one has a default for a parameter
            that it cannot have or that does not exist.
    """
    everything()
    for plugin in registry.plugins():
        problems = of([plugin]).problems(Level.DEFAULT, plugin.defaults)
        if problems:
            told = "; ".join(f"{name} {text}" for name, text in problems.items())
            raise TypeError(f"wrong defaults of the {plugin.kind} plug-in {plugin.name}: {told}")


def defaults(plugins: Iterable[registry.Plugin]) -> list[Layer]:
    """What ``plugins`` have for other parameters as long as nobody sets them, the weakest first."""
    return [
        Layer(Level.DEFAULT, f"{BY_PLUGIN}{plugin.name}", plugin.defaults)
        for plugin in plugins
        if plugin.defaults
    ]


def of(plugins: Iterable[registry.Plugin]) -> Catalogue:
    """The common sections and the parameters of ``plugins``.

    Raises:
        TypeError: two plug-ins declare the same wire name.
    """
    return _catalogue(tuple(dict.fromkeys(plugin.params for plugin in plugins)))


@lru_cache(maxsize=256)
def _catalogue(sections: tuple[type[ParamSet], ...]) -> Catalogue:
    return Catalogue((*COMMON, *sections))
