"""Made from the declared metrics and alarms: the reference page and Prometheus' alert rules."""

from collections.abc import Iterator
from typing import Any

import yaml
from django.utils import translation

from alarms.core.catalogue import CATALOGUE
from alarms.core.declare import AlarmType
from calls.telemetry import metrics
from calls.telemetry.declare import DECLARED, MAX_NAMES, Metric

JOB = "voice-ai-gateway"

Rule = dict[str, Any]


def reference_page() -> str:
    """Every metric in Markdown."""
    shared = [each for each in DECLARED.values() if each.scope == "installation"]
    own = [each for each in DECLARED.values() if each.scope == "process"]
    lines = [
        "# Metrics",
        "",
        "What `/metrics` tells, in Prometheus' text format or, when asked for, OpenMetrics. See",
        "[how to watch](../how-to/watch-with-prometheus-and-grafana.md).",
        "",
        "No label holds a call, a number or an address. Names of bots and providers do appear;",
        f"after the first {MAX_NAMES} that a process has seen, further ones are called `other`.",
        "A counter only grows, until its process ends; a histogram has the series `_bucket`,",
        "`_sum` and `_count`.",
        "",
        "## Of each web process",
        "",
        "Each has the label `process`, such as `web-4711`, besides those listed.",
        "",
        *_table(own),
        "",
        "`process_…` (processor time, memory, open files) and `python_gc_…` (garbage collection)",
        "come from Prometheus' own library for Python.",
        "",
        "## Of the whole installation",
        "",
        "Read from the database, at most once in five seconds; missing while the database is away.",
        "",
        *_table(shared),
        "",
    ]
    return "\n".join(lines)


def _table(rows: list[Metric]) -> Iterator[str]:
    yield "| Metric | Kind | Labels | Meaning |"
    yield "|---|---|---|---|"
    for each in sorted(rows, key=lambda metric: metric.name):
        labels = ", ".join(f"`{label}`" for label in each.labels)
        yield f"| `{each.name}` | {each.kind} | {labels} | {each.help} |"


def alert_rules() -> str:
    """A rules file for Prometheus: one rule for each type of alarm, and what only it can see."""
    with translation.override("en"):
        groups = [
            {"name": "gateway-alarms", "rules": [_of_alarm(kind) for kind in CATALOGUE.values()]},
            {"name": "gateway", "rules": list(_FIGURES)},
        ]
    head = "# Made by `manage.py metrics` from the catalogue of alarms; do not edit.\n"
    return head + yaml.safe_dump(
        {"groups": groups}, sort_keys=False, allow_unicode=True, width=1000
    )


def _of_alarm(kind: AlarmType) -> Rule:
    steps = [f"{number}. {step}" for number, step in enumerate(kind.steps, 1)]
    active = f'{metrics.ALARMS.name}{{type="{kind.name}"}}'
    return {
        "alert": kind.name[0].upper() + kind.name[1:],
        # Told by each machine of an installation; the severity is the alarm's, as people set it.
        "expr": f"max by (job, type, severity) ({active}) > 0",
        "annotations": {
            "summary": str(kind.title),
            "description": "\n".join([str(kind.effect), *steps]),
            "runbook": f"/alarms/types/{kind.name}/",
        },
    }


def _rule(name: str, expression: str, lasting: str, severity: str, summary: str) -> Rule:
    return {
        "alert": name,
        "expr": expression,
        "for": lasting,
        "labels": {"severity": severity},
        "annotations": {"summary": summary},
    }


_FIGURES = (
    _rule(
        "GatewayDown",
        f'up{{job="{JOB}"}} == 0',
        "1m",
        "critical",
        "The gateway does not answer Prometheus",
    ),
    _rule(
        "GatewayDatabaseAway",
        f"{metrics.DATABASE_UP.name} == 0",
        "30s",
        "critical",
        "The database is away; alarms cannot be read either",
    ),
    _rule(
        "GatewayFiguresIncomplete",
        f"{metrics.UNREACHABLE.name} > 0",
        "2m",
        "warning",
        "A web process does not tell its metrics",
    ),
    _rule(
        "GatewayAnswersSlowly",
        "histogram_quantile(0.95, sum by (job, le) "
        "(rate(gateway_turn_silence_seconds_bucket[5m]))) > 3",
        "5m",
        "warning",
        "One caller in twenty waits longer than three seconds for an answer",
    ),
    _rule(
        "GatewayAudioLate",
        f"sum by (job) (rate({metrics.FRAMES_LATE.name}[5m])) "
        f"/ sum by (job) (rate({metrics.FRAMES_OUT.name}[5m])) > 0.01",
        "5m",
        "warning",
        "More than one piece of audio in a hundred leaves a gap",
    ),
    _rule(
        "GatewayNearlyFull",
        "sum by (job, instance, process) (gateway_calls_active) "
        f"/ on (job, instance, process) {metrics.CALLS_LIMIT.name} > 0.9",
        "1m",
        "warning",
        "A process carries nine tenths of the calls that it can",
    ),
)
"""Rules about what the gateway cannot say itself."""
