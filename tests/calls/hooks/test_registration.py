"""What an operator's modules may register, and what happens to those that are broken."""

import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from calls.apps import broken_hooks
from calls.hooks import Session, function, on
from calls.hooks.registration import Registered, load


async def heard(session: Session, event: Any) -> None:
    """A handler."""


def module(directory: Path, name: str, text: str) -> str:
    (directory / f"{name}.py").write_text(dedent(text))
    return name


@pytest.fixture(autouse=True)
def _path() -> Any:
    before = list(sys.path)
    yield
    sys.path[:] = before


def test_handlers_are_told_in_the_order_of_their_registration(loaded: Registered) -> None:
    async def later(session: Session, event: Any) -> None: ...

    assert on("activity")(heard) is heard
    on("activity")(later)
    assert loaded.handlers == {"activity": [heard, later]}
    assert loaded.wants("activity")
    assert not loaded.wants("warning")
    assert loaded


def test_an_event_that_does_not_exist_is_named_with_those_that_do(loaded: Registered) -> None:
    with pytest.raises(ValueError, match="no event 'sesion_start'; there are session_start, "):
        on("sesion_start")  # type: ignore[arg-type]
    assert not loaded


def test_a_handler_that_would_hold_up_the_others_is_refused(loaded: Registered) -> None:
    def plain(session: Session, event: Any) -> None: ...

    with pytest.raises(TypeError, match=r"plain must be an async def"):
        on("activity")(plain)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="must be an async def"):
        function("lookup")(plain)  # type: ignore[arg-type]
    assert not loaded


def test_a_function_is_answered_by_one(loaded: Registered) -> None:
    function("lookup")(heard)
    with pytest.raises(ValueError, match="two hooks answer the function 'lookup'"):
        function("lookup")
    assert loaded.functions == {"lookup": heard}


def test_modules_are_found_in_the_directory_of_the_operator(
    loaded: Registered, tmp_path: Path
) -> None:
    name = module(
        tmp_path,
        "hooks_of_a_test",
        """
        from calls.hooks import on

        @on("session_end")
        async def over(session, event):
            pass
        """,
    )
    load([name], tmp_path)
    load([name], tmp_path)  # it is imported once
    assert [handler.__qualname__ for handler in loaded.handlers["session_end"]] == ["over"]
    assert loaded.broken == {}


def test_a_broken_module_is_named_and_leaves_nothing_behind(
    loaded: Registered, tmp_path: Path
) -> None:
    on("activity")(heard)
    name = module(
        tmp_path,
        "broken_hooks_of_a_test",
        """
        from calls.hooks import function, on

        @on("activity")
        async def half(session, event):
            pass

        @function("lookup")
        async def lookup(session):
            pass

        raise OSError("the bank is closed")
        """,
    )
    load([name, "no_such_module_of_a_test"], tmp_path)
    assert loaded.handlers == {"activity": [heard]}
    assert loaded.functions == {}
    assert loaded.broken[name] == "OSError: the bank is closed"
    assert loaded.broken["no_such_module_of_a_test"].startswith("ModuleNotFoundError: ")
    warned = {str(check.obj): check.msg for check in broken_hooks(None)}
    assert "OSError: the bank is closed" in warned[name]
    assert len(warned) == 2


def test_a_module_that_exits_is_broken_and_stops_nobody(loaded: Registered, tmp_path: Path) -> None:
    load([module(tmp_path, "leaving_hooks", "raise SystemExit(3)")], tmp_path)
    assert loaded.broken == {"leaving_hooks": "SystemExit: 3"}
