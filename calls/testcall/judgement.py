"""Whether a test call went as the protocol and common sense demand. Pure."""

from collections.abc import Iterable

from calls.testcall.ledger import Ledger
from calls.testcall.plan import CallPlan, Expect, ExpectEnd, Manner, Step, Turn
from calls.testcall.playback import Prompt

AHEAD_LIMIT_MS = 300.0
"""Most audio ahead of real time: 200 ms of lead, one chunk, and jitter on the way."""
BUSY_MS = 100.0
"""A caller that was this late itself ran on a busy machine."""


def judge_prompt(prompt: Prompt, ledger: Ledger, now: float) -> None:
    """Look at a play stream when it was stopped."""
    name = prompt.name
    ledger.most_ahead_ms = max(ledger.most_ahead_ms, prompt.most_ahead_ms)
    if not prompt.received_ms and not prompt.purged:
        ledger.fault(now, f"{name} carried no audio")
    # What came while the caller was late seems to have come all at once.
    if prompt.most_ahead_ms > AHEAD_LIMIT_MS + ledger.own_delay_ms:
        ledger.fault(
            now,
            f"{name} was sent {prompt.most_ahead_ms:.0f} ms ahead of real time; "
            f"{AHEAD_LIMIT_MS:.0f} ms is the most",
        )


def judge_call(
    plan: CallPlan, ledger: Ledger, now: float, *, cut: bool, undone: Iterable[Step]
) -> None:
    """Look at the whole call when it is over.

    ``cut``: the planned cut was made; ``undone``: the steps that were not taken.
    """
    if ledger.own_delay_ms > BUSY_MS:
        ledger.note(
            f"this machine is busy: the caller itself was up to {ledger.own_delay_ms:.0f} ms late, "
            "and the figures are no better than that"
        )
    ends = [step for step in plan.steps if isinstance(step, ExpectEnd)]
    if not ledger.prompts and not ends:
        ledger.fault(now, "the bot said nothing")
    for turn in ledger.turns:
        if turn.spoken and turn.must_be_heard and not turn.recognised:
            ledger.fault(now, f'the caller said "{turn.said}" and nothing was recognised')
        if turn.must_silence and turn.barge_in_ms is None:
            ledger.fault(now, f'the caller said "{turn.said}" over the bot and it did not stop')
    _judge_undone(undone, ledger, now)
    impatient = Manner.INTERRUPT in plan.steps or Manner.TALK_OVER in plan.steps
    if impatient and ledger.turns and not any(turn.over_prompt for turn in ledger.turns):
        ledger.fault(now, "no prompt was long enough and allowed barge-in, nothing to interrupt")
    if plan.cut_after is not None and not cut:
        ledger.fault(now, f"the call ended before the cut planned at {plan.cut_after:g} s")
    if ends and ledger.ended_by != "caller":
        _judge_end(plan, ledger, ends[0], now)


def _judge_undone(undone: Iterable[Step], ledger: Ledger, now: float) -> None:
    for step in undone:
        if isinstance(step, Turn):
            ledger.fault(now, f'the call ended before the caller\'s turn "{step.label}"')
        elif isinstance(step, Expect):
            ledger.fault(now, f'the call ended before the bot said "{step.text}"')


def _judge_end(plan: CallPlan, ledger: Ledger, expected: ExpectEnd, now: float) -> None:
    if not plan.expects_end(ledger.reason_code, ledger.reason):
        ended = f'{ledger.reason_code} "{ledger.reason}"'
        ledger.fault(now, f'the call ended as {ended}, not as "{expected.reason}"')
