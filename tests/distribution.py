"""Which tests stay together in one process of a test run.

Those of a file do: what they share is made once. End-to-end files make three rows, as each process
that gets one starts a gateway, and more at once would only wait for each other; meanwhile the other
processes do what only computes.
"""

from xdist.scheduler import LoadScopeScheduling

END_TO_END = "tests/e2e/"
ROWS = (
    ("test_every_page", "test_alarms", "test_sockets", "test_operator_day"),
    ("test_spoken_calls", "test_console", "test_bot_form"),
    ("test_gateway", "test_web_processes", "test_browser_call", "test_supervisor"),
)
"""End-to-end files, so that each row takes about as long."""


class Together(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives out whole files, and end-to-end files by the row."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        name = file.removeprefix(END_TO_END).removesuffix(".py")
        return next((row[0] for row in ROWS if name in row), file)
