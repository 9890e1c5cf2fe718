"""Which parts a run has, by the plug-in of the bot."""

from functools import partial
from typing import Any

from yarl import URL

from bots.conformance import chat_mode, network, scripted, socket_mode
from bots.conformance.examination import Examination, Part, Withdrawn
from bots.conformance.network import Endpoint
from bots.connectors.ac_api import requests_to
from bots.connectors.ac_api.params import AcApiCredentials, AcApiParams
from bots.connectors.deepgram_agent.params import DeepgramAgentParams
from bots.connectors.script import ScriptParams
from bots.core.errors import Fault, ServiceError
from bots.core.ports import BotConnector, Checkable

REFUSALS = (Fault.AUTHENTICATION, Fault.AUTHORIZATION)


def parts_for(exam: Examination) -> tuple[Part, ...]:
    """The parts that say something about the bot, in order."""
    subject = exam.subject
    # NB The registry is untyped by nature: a factory's product has the port of its kind.
    connector: Any = subject.plugin.factory(subject.params, subject.credentials)
    endpoint = _endpoint(exam)

    async def let_in(exam: Examination) -> None:
        await _check_well(exam, connector)

    async def talk(exam: Examination) -> None:
        await scripted.check_conversation(exam, connector)

    well = Part(let_in, ("token", "health"))
    parts = [Part(_configured, ("configuration",))]
    if endpoint is not None:
        parts.append(Part(partial(_way, endpoint), network.CHECKS))
    match subject.params, subject.credentials:
        case AcApiParams() as params, AcApiCredentials() as credentials:
            parts += _audiocodes(params, credentials, connector, well)
        case DeepgramAgentParams() as params, _:
            parts += [well, Part(_stranger(params.url, "Token"), ("wrong-token",))]
        case ScriptParams(), _:
            parts.append(Part(_check_dialogue, ("dialogue",)))
        case _ if isinstance(connector, Checkable):
            parts.append(well)
    return (*parts, Part(talk, scripted.checks(connector.capabilities)))


async def _configured(exam: Examination) -> None:
    exam.ok("configuration", framework=exam.subject.plugin.title)


async def _way(endpoint: Endpoint, exam: Examination) -> None:
    await network.check_way(exam, endpoint)


def _endpoint(exam: Examination) -> Endpoint | None:
    match exam.subject.params:
        case AcApiParams(bot_url=url, bot_allow_self_signed_cert=unverified):
            return Endpoint(url, verify=not unverified)
        case DeepgramAgentParams(url=url):
            return Endpoint(url)
    return None


async def _check_well(exam: Examination, connector: Checkable) -> None:
    exam.begin("token")
    exam.recorder.record("note", "asking the bot whether it would take a call")
    try:
        facts = await connector.check()
    except ServiceError as error:
        if error.fault in REFUSALS:
            exam.fail("token", error.detail)
            exam.stopped = "the bot does not let the gateway in"
        else:
            exam.begin("health")
            exam.fail("health", error.detail or error.fault)
            exam.skip("the bot did not get so far", "token")
        return
    exam.begin("health")
    exam.recorder.record("from bot", facts)
    if exam.subject.secrets() - {""}:
        exam.ok("token")
    else:
        exam.inform("token", "nothing is configured to prove the gateway with")
    unknown = any("unknown" in fact or "not know" in fact for fact in facts.values())
    if unknown:
        exam.inform("health", "the bot does not know the question", **facts)
    else:
        exam.ok("health", **facts)


def _stranger(url: str, scheme: str, *, verify_tls: bool = True) -> Any:
    async def check(exam: Examination) -> None:
        await socket_mode.check_stranger(exam, url, scheme, verify_tls=verify_tls)

    return check


async def _check_dialogue(exam: Examination) -> None:
    params = exam.subject.params
    assert isinstance(params, ScriptParams)  # noqa: S101 - `parts_for` has seen it
    states = params.dialogue.unreachable()
    if states:
        exam.warn("dialogue", f"no caller can come to: {', '.join(states)}")
    else:
        exam.ok("dialogue", states=len(params.dialogue.states))


# --- AudioCodes Bot API ---------------------------------------------------------------------------


def _audiocodes(
    params: AcApiParams, credentials: AcApiCredentials, connector: BotConnector, well: Part
) -> list[Part]:
    requests = requests_to(params, credentials)
    url, verify_tls = params.bot_url, requests.verify_tls

    async def oauth(exam: Examination) -> None:
        if not params.oauth_token_url:
            raise Withdrawn("OAuth is not configured")
        for proof in (await requests.authorise(None)).values():
            exam.recorder.hide(proof.partition(" ")[2])
        exam.ok("oauth", server=URL(params.oauth_token_url).host or "")

    async def stranger_chatting(exam: Examination) -> None:
        await chat_mode.check_stranger(exam, url, verify_tls=verify_tls)

    async def chatting(exam: Examination) -> None:
        await chat_mode.check_protocol(exam, url, requests)

    async def streaming(exam: Examination) -> None:
        await socket_mode.check_session(
            exam, url, requests.authorise, connector.capabilities, verify_tls=verify_tls
        )

    first = [Part(oauth, ("oauth",)), well]
    if params.ac_bot_api_type == "chat":
        return [
            *first,
            Part(stranger_chatting, ("wrong-token",)),
            Part(chatting, chat_mode.CHECKS),
        ]
    return [
        *first,
        Part(_stranger(url, "Bearer", verify_tls=verify_tls), ("wrong-token",)),
        Part(streaming, socket_mode.CHECKS),
    ]
