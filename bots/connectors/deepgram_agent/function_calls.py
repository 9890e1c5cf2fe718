"""Functions that the agent waits for: each in a task of its own, so that no audio waits."""

import asyncio
from collections.abc import Callable

from bots.connectors.deepgram_agent.setup import Setup
from bots.core.activities import Activity
from bots.core.ports import AgentReport, BotConversation
from bots.functions import Function
from bots.protocols.deepgram_agent.happenings import Asked
from bots.protocols.deepgram_agent.messages import FunctionResult

MAX_RUNNING = 8


class FunctionCalls:
    """What the agent has asked of one call.

    ``answer`` sends a result, ``act`` does what a function does with the call itself, ``report``
    tells what went wrong. Tasks run in ``group``.
    """

    def __init__(
        self,
        setup: Setup,
        conversation: BotConversation,
        *,
        answer: Callable[[FunctionResult], None],
        act: Callable[[Activity], None],
        report: Callable[[AgentReport], None],
    ) -> None:
        self._setup = setup
        self._conversation = conversation
        self._answer = answer
        self._act = act
        self._report = report
        self._running: dict[str, asyncio.Task[None]] = {}
        self._parting: Activity | None = None
        self._part_at = 0.0

    @property
    def running(self) -> bool:
        """Whether the agent waits for a result, or has yet to say goodbye."""
        return bool(self._running) or self._parting is not None

    def ask(self, asked: Asked, group: asyncio.TaskGroup) -> None:
        """Have the function ``asked`` for done."""
        if asked.problem:
            self._result(asked, f"The function was not called: {asked.problem}.")
            return
        deed = self._setup.functions.done(asked.name, asked.arguments)
        if deed is not None:
            self._result(asked, deed.content)
            if deed.activity is not None and deed.parting:
                self._parting = deed.activity
                self._part_at = asyncio.get_running_loop().time() + self._setup.timing.farewell_s
            elif deed.activity is not None:
                self._act(deed.activity)
        elif len(self._running) >= MAX_RUNNING or asked.id in self._running:
            self._result(asked, "The function was not called: too many are running.")
        else:
            task = group.create_task(self._run(asked))
            self._running[asked.id] = task
            task.add_done_callback(lambda done: self._done(asked.id, done))

    def withdraw(self, id_: str) -> None:
        """The result of this call is not wanted any more."""
        if (task := self._running.pop(id_, None)) is not None:
            task.cancel()

    def part(self, *, said: bool) -> None:
        """Hang up or transfer if that is due: the agent has ``said`` something, or stays silent.

        Some models say goodbye before they call the function, others when it is done.
        """
        late = asyncio.get_running_loop().time() >= self._part_at
        if self._parting is not None and (said or late):
            parting, self._parting = self._parting, None
            self._act(parting)

    def withdraw_all(self) -> None:
        """No result is wanted any more; a call that was to be over is over."""
        self.part(said=True)
        for id_ in list(self._running):
            self.withdraw(id_)

    def respond(self, result: FunctionResult) -> bool:
        """Somebody else answers; False: the agent does not wait for that."""
        if result.id not in self._running:
            return False
        self.withdraw(result.id)
        self._answer(result)
        return True

    async def _run(self, asked: Asked) -> None:
        function = Function(id=asked.id, name=asked.name, arguments=asked.arguments)
        content = await self._setup.tools.answer(function, self._conversation, report=self._report)
        if content is None:
            # Nobody here knows it; whoever listens to the call's events may `respond`.
            timeout_s = self._setup.params.agent_tools_timeout_ms / 1000
            await asyncio.sleep(timeout_s)
            problem = f"Nobody answered the function {asked.name} within {timeout_s:g} s."
            detail = {"code": "function-unanswered", "description": problem}
            self._report(AgentReport(name="warning", detail=detail, note=problem))
            content = f"The function did not work: nobody answered within {timeout_s:g} s."
        self._result(asked, content)

    def _result(self, asked: Asked, content: str) -> None:
        self._answer(FunctionResult(id=asked.id, name=asked.name, content=content))

    def _done(self, id_: str, task: asyncio.Task[None]) -> None:
        if self._running.get(id_) is task:
            del self._running[id_]
