"""What resolving parameters costs: 160 parameters in 16 sections, three layers that set a third.

Run with ``python -m benchmarks.parameters``; prints microseconds.
"""

import timeit
from typing import Annotated, ClassVar

from pydantic import Field, create_model

from bots.core.params.declare import BOT_SETTABLE, Level, Param, ParamSet
from bots.core.params.resolve import Catalogue, Layer, resolve

SECTIONS = 16
PARAMETERS = 10
ROUNDS = 2000


def _section(number: int) -> type[ParamSet]:
    kinds: tuple[type, ...] = (int, str, bool)
    param = Param(help="x", levels=BOT_SETTABLE)
    fields = {
        f"field_{n}": (
            Annotated[kinds[n % 3], param],
            Field(default=kinds[n % 3](), alias=f"section{number}Field{n}"),
        )
        for n in range(PARAMETERS)
    }
    return create_model(  # type: ignore[no-any-return, call-overload]  # fields made in a loop
        f"Section{number}", __base__=_Named, **fields
    )


class _Named(ParamSet):
    SECTION: ClassVar[str] = "Benchmark"


def _layer(level: Level, every: int) -> Layer:
    values = {
        f"section{s}Field{n}": (7, "text", True)[n % 3]
        for s in range(SECTIONS)
        for n in range(0, PARAMETERS, every)
    }
    return Layer(level, level.name, values)


def main() -> None:
    """Print the cost of resolving a bot, of one overlay and of one typed look-up."""
    catalogue = Catalogue(_section(number) for number in range(SECTIONS))
    layers = [_layer(Level.PROVIDER, 9), _layer(Level.BASE_BOT, 3), _layer(Level.BOT, 5)]
    overlay = Layer(Level.SESSION, "bot at run time", {"section3Field0": 9})
    resolved = resolve(catalogue, layers)
    section = catalogue.sections[3]
    for what, step in (
        ("resolve 3 layers", lambda: resolve(catalogue, layers)),
        ("overlay 1 value", lambda: resolved.overlay(overlay)),
        ("look up a section", lambda: resolved[section]),
    ):
        best = min(timeit.repeat(step, number=ROUNDS, repeat=5)) / ROUNDS
        print(f"{what:20} {best * 1e6:7.1f} µs")


if __name__ == "__main__":
    main()
