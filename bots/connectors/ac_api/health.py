"""Whether a bot is there and lets the gateway in, without beginning a conversation."""

from bots.connectors.ac_api.requests import RequestFailed, Requests
from bots.net import fault_of_status
from bots.protocols.ac_chat import is_healthy

DEADLINE_S = 5.0


async def check_health(url: str, requests: Requests) -> dict[str, str]:
    """GET ``url``; answers what the bot said of its health, in words.

    A bot that does not know the question is none the worse for it.

    Raises:
        ServiceError: it cannot be reached, or does not accept the gateway's token.
    """
    answer = await requests.ask("GET", url, None, deadline_s=DEADLINE_S)
    if answer.status in (401, 403):
        detail = f"The bot does not accept the gateway's token (HTTP status {answer.status})"
        raise RequestFailed(fault_of_status(answer.status), detail, sent=True)
    if is_healthy(answer.body):
        return {"health": "success"}
    return {"health": f"unknown (HTTP status {answer.status})"}
