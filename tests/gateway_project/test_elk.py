"""The example in ``ops/elk``: its files agree with each other, the schema and our lines."""

import json
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.index_mapping import TEMPLATE, mapped

pytestmark = pytest.mark.pure

FOLDER = TEMPLATE.parent
# Types of the Elastic Common Schema 9.0, by its field reference.
SCHEMA = {
    "constant_keyword": "data_stream.dataset data_stream.namespace data_stream.type",
    "date": "@timestamp",
    "ip": "client.ip",
    "keyword": "ecs.version error.code error.type event.action event.dataset event.outcome "
    "event.reason host.hostname http.request.id http.request.method log.level log.logger "
    "process.name process.thread.name service.environment service.name service.node.name "
    "service.version span.id tags trace.id user_agent.original",
    "long": "client.port event.duration http.response.status_code process.pid",
    "match_only_text": "error.message message",
    "wildcard": "error.stack_trace url.path",
}
OURS = ("gateway.", "@version")


def test_every_field_of_the_template_has_the_type_of_the_schema() -> None:
    types = {field: kind for kind, fields in SCHEMA.items() for field in fields.split()}
    template = {name: mapping["type"] for name, mapping in mapped().items()}
    assert {name: kind for name, kind in template.items() if not name.startswith(OURS)} == types


def test_the_index_refuses_what_does_not_fit() -> None:
    # The default for logs since 9.0 (logsdb) would drop such values and keep quiet.
    template = json.loads(TEMPLATE.read_text())["template"]
    assert template["settings"]["index"]["mode"] == "standard"
    assert template["mappings"]["dynamic"] == "strict"


def test_own_fields_cannot_conflict() -> None:
    kinds = {mapping["type"] for name, mapping in mapped().items() if name.startswith(OURS)}
    assert kinds == {"flattened", "keyword", "long"}
    assert all(
        mapping["ignore_above"] <= 8191  # characters of four bytes make no term too long
        for mapping in mapped().values()
        if mapping["type"] in ("flattened", "keyword")
    )


def saved_objects() -> dict[tuple[str, str], dict[str, Any]]:
    lines = (FOLDER / "dashboard.ndjson").read_text().splitlines()
    return {(made["type"], made["id"]): made for made in map(json.loads, lines)}


def test_objects_of_the_dashboard_refer_to_each_other() -> None:
    objects = saved_objects()
    referred = {(ref["type"], ref["id"]) for made in objects.values() for ref in made["references"]}
    assert referred | {("dashboard", "gateway")} == objects.keys()
    attributes = objects["dashboard", "gateway"]["attributes"]
    panels = json.loads(attributes["panelsJSON"])
    names = {ref["name"] for ref in objects["dashboard", "gateway"]["references"]}
    assert {f"{panel['panelIndex']}:{panel['panelRefName']}" for panel in panels} <= names
    view = objects["index-pattern", "gateway-logs"]["attributes"]
    assert fnmatch("logs-gateway-default", view["title"])


def test_the_dashboard_asks_for_fields_that_there_are() -> None:
    fields = mapped()
    text = (FOLDER / "dashboard.ndjson").read_text().replace("\\", "")
    grouped = set(re.findall(r'"field(?:Name)?":"([^"]+)"', text))
    asked = set(re.findall(r"\b([a-z_]+(?:\.[a-z_]+)+): ", text))
    columns = {
        column
        for made in saved_objects().values()
        for column in made["attributes"].get("columns", ())
    }
    assert len(grouped) > 10
    assert grouped | asked | columns <= fields.keys()
    # Texts and what is flattened cannot be grouped by name.
    assert not [f for f in grouped if fields[f]["type"] in ("match_only_text", "flattened")]


def test_lines_go_where_the_template_counts() -> None:
    pipeline = (FOLDER / "logstash" / "gateway.conf").read_text()
    options = dict(re.findall(r'data_stream_(\w+) => "(\w+)"', pipeline))
    stream = f"{options['type']}-{options['dataset']}-{options['namespace']}"
    patterns = json.loads(TEMPLATE.read_text())["index_patterns"]
    assert any(fnmatch(stream, pattern) for pattern in patterns)
    code = re.sub(r"#.*|\"[^\"]*\"|/.*?/", "", pipeline)
    assert all(code.count(left) == code.count(right) for left, right in ("{}", "[]"))


def test_the_containers_find_their_files_and_talk_to_this_machine_alone() -> None:
    services = yaml.safe_load((FOLDER / "docker-compose.yml").read_text())["services"]
    assert services.keys() == {"elasticsearch", "kibana", "logstash", "setup"}
    mounted = [each for service in services.values() for each in service.get("volumes", ())]
    own = [Path(FOLDER, each.partition(":")[0]) for each in mounted if each.startswith(".")]
    assert own
    assert all(path.exists() for path in own)
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    named = re.findall(r"@([\w.-]+)", (FOLDER / "setup.sh").read_text())
    assert named == ["index-template.json", "dashboard.ndjson"]
    assert all((FOLDER / name).exists() for name in named)
