"""The room of bots names alarms in text; each of these names is one of the catalogue."""

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from alarms.core.catalogue import CATALOGUE

ROOT = Path(__file__).resolve().parents[3]


def told(path: Path) -> Iterator[tuple[Path, ast.expr]]:
    """The first argument of each ``noticing.failed`` and ``noticing.worked``."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("noticing."):
            yield path.relative_to(ROOT), node.args[0]


FOUND = [each for path in (ROOT / "bots").rglob("*.py") for each in told(path)]


def names(path: Path, argument: ast.expr) -> list[str]:
    module = vars(import_module(".".join(path.with_suffix("").parts)))
    match argument:
        case ast.Constant(value=str() as name):
            return [name]
        case ast.Name(id=variable):
            return [module[variable]]
        case ast.Subscript(value=ast.Name(id=variable)):
            return list(module[variable].values())
    raise AssertionError(f"{path}: {ast.unparse(argument)}")


@pytest.mark.parametrize(("path", "argument"), FOUND)
def test_an_alarm_that_is_told_exists(path: Path, argument: ast.expr) -> None:
    assert CATALOGUE.keys() >= set(names(path, argument))


def test_there_are_some() -> None:
    assert len(FOUND) >= 6
