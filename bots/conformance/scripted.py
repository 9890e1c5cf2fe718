"""The scripted conversation: what every bot is told through its connector, and what it answers."""

import asyncio
from collections.abc import Iterable, Iterator

import msgspec

from bots.conformance.examination import Examination, Withdrawn
from bots.conformance.judging import markup_problems, settings_problems
from bots.conformance.report import Grade
from bots.conformance.spoken import check_voice
from bots.conformance.talk import Talk, conversation, grade_delay, stamp, talking
from bots.core import catalogue
from bots.core.activities import Activity, event, message
from bots.core.errors import ServiceError
from bots.core.params.sections.timeouts import Timeouts
from bots.core.ports import AgentReport, BotCapabilities, BotConnector, BotConversation

TEXT_CHECKS = ("join", "greeting", "answer", "dtmf", "no-input", "unknown-event")
VOICE_CHECKS = ("caller-audio", "spoken-question", "play-stream", "barge-in")
JUDGED_CHECKS = ("slips", "patience", "markup", "settings", "errors", "leave")
UNKNOWN_EVENT = "conformanceProbe"
QUESTIONS = {
    "de": "Guten Tag, ich habe eine Frage.",
    "en": "Hello, I have a question.",
    "es": "Hola, tengo una pregunta.",
    "fr": "Bonjour, j'ai une question.",
    "it": "Buongiorno, ho una domanda.",
}
"""What the caller says, by language; languages beyond these are tried in English."""
SLOW_GREETING_S = 3.0
SLOW_ANSWER_S = 5.0


def question(language: str) -> str:
    """What the caller says in ``language`` (BCP 47)."""
    return QUESTIONS.get(language.partition("-")[0].lower(), QUESTIONS["en"])


def checks(does: BotCapabilities) -> tuple[str, ...]:
    """What the conversation with a bot that ``does`` this grades."""
    voice = VOICE_CHECKS if does.hears or does.speaks else ()
    return (*TEXT_CHECKS, *voice, *JUDGED_CHECKS)


async def check_conversation(exam: Examination, connector: BotConnector) -> None:
    """Talk with the bot as a call would.

    Raises:
        ServiceError: the bot could not be joined, or failed.
        Withdrawn: it has left before all was tried.
    """
    does = connector.capabilities
    about = conversation(exam, voice=does.hears or does.speaks)
    slowest: list[float] = []
    failure: ServiceError | None = None
    async with talking(exam, connector, about) as talk:
        try:
            await _script(exam, talk, about, connector, slowest)
        except ServiceError as error:
            failure = error
            exam.fail(exam.recorder.at, error.detail or error.fault)
        except Withdrawn as error:
            exam.inform(exam.recorder.at, str(error))
            exam.skip(str(error), *TEXT_CHECKS, *VOICE_CHECKS)
        finally:
            _judge(exam, talk, slowest)
    failure = failure or talk.failure
    if failure is not None:
        exam.fail("errors", failure.detail or failure.fault, fault=failure.fault)
        exam.skip("the bot had failed", *checks(does))
    elif any(isinstance(each, AgentReport) and each.name == "reconnected" for _, each in talk.told):
        exam.warn("errors", "its connection was lost and had to be made anew")
    else:
        exam.ok("errors")


async def _script(
    exam: Examination,
    talk: Talk,
    about: BotConversation,
    connector: BotConnector,
    slowest: list[float],
) -> None:
    does = connector.capabilities
    await _greeting(exam, talk, about)
    if does.hears:
        exam.skip("the bot hears for itself: see the spoken question", "answer")
    else:
        await _answer(exam, talk, slowest)
    if does.hears or does.speaks:
        await check_voice(exam, talk, does, question(exam.subject.language), slowest)
    for check, told in (
        ("dtmf", event("DTMF", value="1", **stamp())),
        ("no-input", event("noUserInput", value=1, **stamp())),
        ("unknown-event", event(UNKNOWN_EVENT, value={"probe": True}, **stamp())),
    ):
        await _tolerated(exam, talk, check, told)


async def _greeting(exam: Examination, talk: Talk, about: BotConversation) -> None:
    exam.begin("greeting")
    began = asyncio.get_running_loop().time()
    start = {
        "locale": about.language,
        "vaigConversationId": about.conversation_id,
        "caller": about.caller,
        "callee": about.callee,
    }
    await talk.send(event("start", **stamp(), language=about.language, parameters=start))
    at = await talk.answer(0, exam.timing.greeting_s)
    if at is None:
        exam.inform("greeting", f"it said nothing within {exam.timing.greeting_s:g} s")
    else:
        grade_delay(exam, "greeting", max(0.0, at - began), SLOW_GREETING_S, "it took {}")


async def _answer(exam: Examination, talk: Talk, slowest: list[float]) -> None:
    exam.begin("answer")
    talk.see_it_is_there()
    before, began = len(talk.told), asyncio.get_running_loop().time()
    words = question(exam.subject.language)
    confidence = {"confidence": 0.9}
    await talk.send(
        message(words, **stamp(), language=exam.subject.language, parameters=confidence)
    )
    at = await talk.answer(before, exam.timing.answer_s)
    if at is None:
        exam.warn("answer", f"no answer within {exam.timing.answer_s:g} s")
    else:
        slowest.append(at - began)
        grade_delay(exam, "answer", at - began, SLOW_ANSWER_S, "it took {}")


async def _tolerated(exam: Examination, talk: Talk, check: str, told: Activity) -> None:
    exam.begin(check)
    before = len(talk.told)
    await talk.send(told)
    answered = await talk.answer(before, exam.timing.event_s) is not None
    if talk.failure is not None:
        raise talk.failure
    exam.ok(check, answered="yes" if answered else "no")


# --- what can be said afterwards ------------------------------------------------------------------


def _judge(exam: Examination, talk: Talk, slowest: list[float]) -> None:
    """Grade what shows in everything that the bot told."""
    known = catalogue.everything()
    said = talk.activities
    _listed(exam, "slips", _slips(talk))
    _listed(exam, "markup", ((p, each) for each in said for p in markup_problems(each)))
    _listed(exam, "settings", ((p, each) for each in said for p in settings_problems(each, known)))
    _patience(exam, slowest)


def _listed(exam: Examination, check: str, problems: Iterable[tuple[str, object]]) -> None:
    """A warning with the first of ``problems``; each is in the trace with what the bot sent."""
    exam.begin(check)
    found = dict(problems)
    for problem, sent in found.items():
        exam.recorder.record("from bot", msgspec.to_builtins(sent))
        exam.recorder.record("note", problem)
    if found:
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        exam.warn(check, next(iter(found)) + more)
    else:
        exam.ok(check)


def _slips(talk: Talk) -> Iterator[tuple[str, object]]:
    for _, each in talk.told:
        if isinstance(each, AgentReport) and each.name in ("warning", "error"):
            yield str(each.detail.get("description", "")), each


def _patience(exam: Examination, slowest: list[float]) -> None:
    timeouts = exam.subject.resolved[Timeouts]
    exam.begin("patience")
    if not slowest:
        exam.skip("no answer could be measured", "patience")
        return
    ms = max(slowest) * 1000
    facts = {
        "slowest": f"{ms:.0f} ms",
        "botNoInputTimeoutMS": timeouts.bot_no_input_timeout_ms,
        "botNoInputGiveUpTimeoutMS": timeouts.bot_no_input_give_up_timeout_ms,
    }
    if 0 < timeouts.bot_no_input_give_up_timeout_ms < ms:
        grade, detail = Grade.FAILED, "calls end before the bot answers"
    elif 0 < timeouts.bot_no_input_timeout_ms < ms:
        grade, detail = Grade.WARNING, "callers are asked for patience before the bot answers"
    else:
        grade, detail = Grade.OK, ""
    exam.grade("patience", grade, detail, **facts)
