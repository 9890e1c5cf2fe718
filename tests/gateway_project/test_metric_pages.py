"""The page of metrics, the alert rules and the dashboard speak of metrics that exist."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import CommandError, call_command

from alarms.core.catalogue import CATALOGUE
from calls.telemetry.declare import DECLARED, REGISTRY
from gateway_project.management.commands import metrics as command
from gateway_project.metric_pages import JOB, alert_rules, reference_page

pytestmark = pytest.mark.pure

OPS = Path(__file__).parents[2] / "ops"
WORD = re.compile(r"\b(?:gateway|process|python)_[a-z0-9_]+\b(?!=)")
LABELS = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"")
GROUPED = re.compile(r"\b(?:by|on|without)\s*\(([^)]*)\)")


def series() -> dict[str, set[str]]:
    """Every series that there can be, with its labels."""
    found: dict[str, set[str]] = {"up": {"job", "instance"}}
    for metric in DECLARED.values():
        own = {"process"} if metric.scope == "process" else set()
        labels = {*metric.labels, *own, "job", "instance"}
        if metric.kind == "histogram":
            found |= {f"{metric.name}_{end}": labels for end in ("sum", "count")}
            found[f"{metric.name}_bucket"] = {*labels, "le"}
        else:
            found[metric.name] = labels
    for family in REGISTRY.collect():
        if not family.name.startswith("gateway_"):
            for sample in family.samples:
                found[sample.name] = {*sample.labels, "process", "job", "instance"}
    return found


def expressions() -> Iterator[str]:
    dashboard: dict[str, Any] = json.loads((OPS / "grafana" / "dashboard.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]
    rules: dict[str, Any] = yaml.safe_load((OPS / "prometheus" / "alerts.yml").read_text())
    for group in rules["groups"]:
        for rule in group["rules"]:
            yield rule["expr"]


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_each_expression_uses_metrics_and_labels_that_exist(expression: str) -> None:
    known = series()
    used = WORD.findall(expression) or ["up"]
    assert not set(used) - set(known)
    labels = {*LABELS.findall(expression)}
    for group in GROUPED.findall(expression):
        labels |= {label.strip() for label in group.split(",")}
    for name in used:
        assert labels <= known[name], name


def test_each_type_of_alarm_has_one_rule() -> None:
    rules = yaml.safe_load(alert_rules())["groups"][0]["rules"]
    assert len(rules) == len(CATALOGUE)
    for rule, (name, kind) in zip(rules, CATALOGUE.items(), strict=True):
        assert rule["alert"].lower() == name.lower()
        assert f'type="{name}"' in rule["expr"]
        assert rule["annotations"]["summary"] == str(kind.title)
        assert str(kind.steps[0]) in rule["annotations"]["description"]
        assert rule["annotations"]["runbook"] == f"/alarms/types/{name}/"


def test_no_two_rules_have_one_name() -> None:
    groups = yaml.safe_load(alert_rules())["groups"]
    names = [rule["alert"] for group in groups for rule in group["rules"]]
    assert len(set(names)) == len(names)


def test_the_example_of_prometheus_reads_the_rules_and_is_the_job_that_they_mean() -> None:
    example = yaml.safe_load((OPS / "prometheus" / "prometheus.yml").read_text())
    assert all((OPS / "prometheus" / name).exists() for name in example["rule_files"])
    assert [job["job_name"] for job in example["scrape_configs"]] == [JOB]


def test_panels_of_the_dashboard_do_not_lie_on_each_other() -> None:
    panels = json.loads((OPS / "grafana" / "dashboard.json").read_text())["panels"]
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_the_page_lists_every_metric() -> None:
    page = reference_page()
    for metric in DECLARED.values():
        assert page.count(f"| `{metric.name}` | {metric.kind} |") == 1


def test_what_is_committed_is_current() -> None:
    call_command("metrics", "--check")


def test_an_outdated_page_is_named_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "PAGES", {tmp_path / "metrics.md": reference_page})
    with pytest.raises(CommandError, match=r"metrics\.md is outdated"):
        call_command("metrics", "--check")
    call_command("metrics")
    call_command("metrics", "--check")
    assert (tmp_path / "metrics.md").read_text() == reference_page()
