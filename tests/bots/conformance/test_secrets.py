"""What must not get into a report, found at any depth of the credentials."""

import json

import pytest

from bots.conformance import Subject
from bots.core import registry
from bots.core.catalogue import of
from bots.core.params.resolve import resolve

pytestmark = pytest.mark.pure

SECRETS = {
    "groq": {
        "url": "https://groq.example",
        "headers": {"authorization": "Bearer sk-groq-1234"},
    },
    "aws": {"type": "iam", "secret_access_key": "aws-secret-5678"},
}


def test_secrets_of_secrets_are_found() -> None:
    plugin = registry.plugin("bot", "deepgram-agent")
    credentials = plugin.credentials.model_validate(
        {"deepgramKey": "dg-key-0000", "deepgramSecrets": json.dumps(SECRETS)}
    )
    subject = Subject(
        bot="agent",
        plugin=plugin,
        params=plugin.params.model_validate({}),
        credentials=credentials,
        resolved=resolve(of([plugin]), ()),
        language="en-US",
    )
    found = subject.secrets()
    assert {"dg-key-0000", "Bearer sk-groq-1234", "sk-groq-1234", "aws-secret-5678"} <= found
    assert "iam" not in found
