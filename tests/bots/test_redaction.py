"""What no log line may hold, wherever it stands."""

import json
import re
import time
from typing import Any

import pytest

from bots.core.redaction import MASK, Redactor, redacted_text

pytestmark = pytest.mark.pure

CANARY = "canary-7Kq2-of-sixteen-and-more"


def redact(event: dict[str, Any], *, pii: bool = False) -> dict[str, Any]:
    return dict(Redactor(pii=pii)(None, "info", event))


@pytest.mark.parametrize(
    "key",
    [
        "password",
        "Authorization",
        "api_key",
        "apiKey",
        "X-Api-Key",
        "client_secret",
        "clientSecret",
        "access_token",
        "tokens",
        "Set-Cookie",
        "acmeKey",
        "sessionid",
        "http.sig",
        f"{'long_' * 30}token",
    ],
)
def test_the_value_of_a_key_that_names_a_secret_is_masked(key: str) -> None:
    assert redact({key: CANARY}) == {key: f"{MASK}more"}
    assert redact({"outer": [{"inner": {key: CANARY}}]}) == {
        "outer": [{"inner": {key: f"{MASK}more"}}]
    }


@pytest.mark.parametrize("key", ["tokenised_words", "secretary", "keyboard", "bot", "monkey"])
def test_other_keys_keep_their_values(key: str) -> None:
    assert redact({key: "plain"}) == {key: "plain"}


def test_a_short_secret_shows_no_character() -> None:
    assert redact({"password": "1234", "token": b"12345678901234567890"}) == {
        "password": MASK,
        "token": MASK,
    }


def test_an_absent_secret_is_seen_to_be_absent() -> None:
    assert redact({"password": "", "token": None, "secret": False}) == {
        "password": "",
        "token": None,
        "secret": False,
    }


SECRETS_IN_TEXTS = [
    ("/x/vgw_KfeBCcpVUVJJTbEfcEEIA_SWWq_HuuAzATia9InlB9I/y", f"/x/vgw_{MASK}/y"),
    ("Authorization: Bearer abc.def-ghi", f"Authorization: Bearer {MASK}"),
    ("AUTHORIZATION:\tBEARER\tabc.def-ghi", f"AUTHORIZATION:\tBEARER {MASK}"),
    ("basic dXNlcjpwYXNz", f"basic {MASK}"),
    ("token vgw_abcDEF-123 refused", f"token vgw_{MASK} refused"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", MASK),
    ("postgres://gateway:s3cret@db:5432/x", f"postgres://gateway:{MASK}@db:5432/x"),
    ("redis://:s3cret@host/0", f"redis://:{MASK}@host/0"),
    ("GET /hook?access_token=abc&page=2", f"GET /hook?access_token={MASK}&page=2"),
    ("https://x/?sig=abc", f"https://x/?sig={MASK}"),
    ("{'clientSecret': 'a b', 'id': 'x'}", f"{{'clientSecret': \"{MASK}\", 'id': 'x'}}"),
    ('{"password" : "a b"}', f'{{"password" : "{MASK}"}}'),
    ("password=hunter22", f"password={MASK}"),
    ("Client(api_key='a b', user='x')", f"Client(api_key={MASK}, user='x')"),
    ('{"password": "a\\"b"}', f'{{"password": "{MASK}"}}'),
    ('"{\\"password\\": \\"hunter22\\"}"', f'"{{\\"password\\": \\"{MASK}\\"}}"'),
    ("X-API-Key: hunter22", f"X-API-Key: {MASK}"),
    ("Authorization: hunter22", f"Authorization: {MASK}"),
    ("Cookie: a=hunter22; b=c", f"Cookie: {MASK}"),
    ("https://hunter22@host/x", f"https://{MASK}@host/x"),
    ("postgres://u:hunter@22@host/x", f"postgres://u:{MASK}@host/x"),
    ("whsec_abcdefghijklmnop refused", f"{MASK} refused"),
    ("-----BEGIN PRIVATE KEY-----\nMII\n-----END", f"-----BEGIN PRIVATE KEY-----{MASK}-----END"),
    ("nothing to hide: http://host:80/path", "nothing to hide: http://host:80/path"),
    ("acmeKey: is needed, secret: must be base64", "acmeKey: is needed, secret: must be base64"),
]


RANDOM = [
    "XyTq9LhVn2PbSd7Rk0WcZe4M",
    "b9f2c1d07e6a4853a1c9e0f7b2d46835",
    "kq3mz8xw1t5yfc9rj7p2vhn4da",
    "MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43U",
    "Zk3_q-W8vT1yLx5RnB7cJd0sHf2gMp9aUe4iKo6tYw1zXb3v",
    "bot123456789:AAF7xKq2-of1Zr8vLm3Tn5Wb0Yc9Dh4Se6",
    "6b1f2a34-9c1d-4e5f-8a7b-0c1d2e3f4a5bXyTq9LhVn2PbSd7Rk0WcZe4M",
]


@pytest.mark.parametrize("secret", RANDOM)
@pytest.mark.parametrize(
    "around",
    [
        "POST https://hooks.example.com/services/T00000000/B00000000/%s failed",
        "https://example.com/api/webhooks/1234567890123456789/%s?wait=true",
        '"POST /hooks/%s/messages HTTP/1.1" 200',
        '{"url": "https:\\/\\/example.com\\/%s"}',
        "/%s",
    ],
)
def test_a_random_piece_of_a_path_is_masked_and_nothing_else_of_it(
    secret: str, around: str
) -> None:
    assert redacted_text(around % secret, pii=True) == around % MASK


@pytest.mark.parametrize(
    "text",
    [
        "/api/v1/calls/6b1f2a34-9c1d-4e5f-8a7b-0c1d2e3f4a5b/transcript",
        "/voice/call-6B1F2A34-9C1D-4E5F-8A7B-0C1D2E3F4A5B",
        "/a/6b1f2a34-9c1d-4e5f-8a7b-0c1d2e3f4a5b:7c2f2a34-9c1d-4e5f-8a7b-0c1d2e3f4a5b/b",
        "/static/console/frame.3fa9c1d2e4b5.css",
        "/api/v1/actions/dialout",
        "/docs/how-to/watch-with-prometheus-and-grafana",
        "/getConversationTranscriptByBotName",
        "/calls/2026-11-21T22:51:00.123456Z/2026-11-21T22-51-00Z",
        "/var/lib/gateway/gateway-diagnostics-20261121-225100.zip",
        "/usr/lib/python3.11/site-packages/x/y.cpython-311-x86_64-linux-gnu.so",
        "http://gateway-web-1.internal.example:8000/livez",
        "/1234567890123456789012345",
        "/deepgram-nova-3-general-2024-12-20-phonecall",
        "/api/v1/system/processes/voice-1:4711:0f3a9c21/drain",
        "/api/v1/system/processes/gateway-web-7d9f8b6c5d-x2x4z:4711:0f3a9c21/drain",
        "/backup-20261121T225100Z-20261121T235100Z",
        "a random b9f2c1d07e6a4853a1c9e0f7b2d46835 in no path",
    ],
)
def test_words_dates_and_ids_in_a_path_stay(text: str) -> None:
    assert redacted_text(text, pii=True) == text


@pytest.mark.parametrize("name", ["X-Api-Key", b"authorization"])
def test_a_header_in_a_list_keeps_its_secret(name: str | bytes) -> None:
    told = redact({"headers": [(name, "hunter22"), ("Accept", "text/plain"), ("a", "b", "c")]})
    shown = name.decode() if isinstance(name, bytes) else name
    assert told == {"headers": [[shown, MASK], ["Accept", "text/plain"], ["a", "b", "c"]]}


@pytest.mark.parametrize(("text", "clean"), SECRETS_IN_TEXTS)
def test_text_that_looks_like_a_secret_is_masked_wherever_it_stands(text: str, clean: str) -> None:
    assert redact({"event": text, "nested": {"list": [text]}}, pii=True) == {
        "event": clean,
        "nested": {"list": [clean]},
    }
    assert redacted_text(text, identity=True) == clean


@pytest.mark.parametrize(
    "number",
    [
        "+4930123456",
        "+49 30 123456",
        "+49 (0)30 123-456",
        "+1 (202) 555-0199",
        "+442079460958",
        "0049 30 123456",
        "030 123456",
        "(030) 12 34 56",
        "030/123456",
        "0151-12345678",
        "(202) 555-0199",
        "202-555-0199",
        "202.555.0199",
        "1-202-555-0199",
        "4930123456",
        "sip:+4930123456@10.0.0.1",
        "sip:4930123456@example.com;user=phone",
        "tel:+4930123456",
        "tel:112",
    ],
)
@pytest.mark.parametrize(
    "around", ["%s", "the caller %s hung up", "<%s>", '{"caller":"%s"}', "%s."]
)
def test_a_phone_number_is_masked_in_any_form(number: str, around: str) -> None:
    clean = redacted_text(around % number)
    assert not re.findall(r"\d+", clean.replace("10.0.0.1", "")), clean
    assert MASK in clean
    assert redacted_text(around % number, pii=True) == around % number


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-21T22:51:00.123456Z",
        "2026-11-21 22:51:00,123",
        "took 1234.5 ms, 12345678 bytes",
        "0490d1f4-0b2c-4123-8123-012345678901",
        "01234567-0123-4123-8123-012345678901",
        "10.123.45.67:51234",
        "[fe80::1234:5678:9012:3456]:443",
        "HTTP/1.1 404",
        "exit code 137",
        "1.3.6.1.4.1.8072.9999.9999.2611",
        "celery@vm",
        "version 5.2.19",
        "3 of 1000 at 16000 Hz",
    ],
)
def test_other_numbers_stay(text: str) -> None:
    assert redacted_text(text) == text


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("to jane.doe+x@example.com failed", f"to {MASK}@example.com failed"),
        ("sips:jane@example.com", f"sips:{MASK}@example.com"),
        ("<sip:jane;x=1@example.com>", f"<sip:{MASK}@example.com>"),
    ],
)
def test_persons_are_masked_and_their_hosts_stay(text: str, clean: str) -> None:
    assert redacted_text(text) == clean


def test_an_identity_keeps_its_digits_but_not_a_number_with_a_plus() -> None:
    ids = {"call": "123456789012", "conversation_id": "4930123456", "request_id": "202-555-0199"}
    assert redact(ids) == ids
    assert redact({"conversation_id": "from-+4930123456"}) == {"conversation_id": f"from-{MASK}"}
    assert redact({"conversation_id": "+4930123456"}, pii=True)["conversation_id"] == "+4930123456"


def test_objects_are_searched_through_their_text() -> None:
    class Request:
        def __repr__(self) -> str:
            return f"<Request Bearer {CANARY}>"

    class Name(str):
        pass

    assert redact({"request": Request(), "name": Name("from +4930123456")}) == {
        "request": f"<Request Bearer {MASK}>",
        "name": f"from {MASK}",
    }
    assert redact({"call": Request()}) == {"call": f"<Request Bearer {MASK}>"}


def test_numbers_stay_numbers_and_sets_become_lists() -> None:
    line: dict[Any, Any] = {"ms": 1.5, "calls": 2, "ok": True, "names": {"a"}, 7: None}
    assert redact(line) == {
        "ms": 1.5,
        "calls": 2,
        "ok": True,
        "names": ["a"],
        "7": None,
    }


def test_what_is_made_here_is_not_searched() -> None:
    line = {"level": "info", "logger": "calls.x", "timestamp": "2026-11-21T22:51:00.123456789Z"}
    assert redact(line) == line


def test_a_structure_without_end_is_cut() -> None:
    endless: dict[str, Any] = {}
    endless["again"] = [endless]
    assert "…" in json.dumps(redact({"value": endless}), ensure_ascii=False)
    deep: Any = "deep"
    for _ in range(20):
        deep = [deep]
    assert "deep" not in json.dumps(redact({"value": deep}))


def test_caller_data_is_dropped_at_any_depth_unless_wanted() -> None:
    event: dict[str, Any] = {"pii.caller": "+4930123456", "call": "c", "of": {"pii.text": "hello"}}
    assert redact(event) == {"call": "c", "of": {}}
    assert redact(event, pii=True) == event
    assert redact({"pii.token": "hush"}, pii=True) == {"pii.token": MASK}


@pytest.mark.parametrize(
    "unit", ["a", "1 ", "0", "?token", "@sip:", "eyJ-", "'key': ", "://a:", "+1(", "/", "/a1B2c3"]
)
def test_a_text_of_any_length_takes_no_time(unit: str) -> None:
    began = time.process_time()
    assert len(redacted_text(unit * 5_000_000)) < 30_000
    assert time.process_time() - began < 2, "some pattern tries again and again"
