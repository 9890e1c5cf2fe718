"""``manage.py openapi``: the list of operations in the reference page of the REST API."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from gateway_project.openapi import document, scopes_in

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "rest-api.md"
BEGIN, END = "<!-- operations: made by `manage.py openapi` -->\n", "<!-- end of operations -->"


def operations_list() -> str:
    """Every operation in Markdown, one table for each tag."""
    found = document("https://gateway.example")
    lines: list[str] = []
    for tag in found["tags"]:
        lines += [f"### {tag['name']}", "", tag["description"], ""]
        lines += ["| Operation | | Scope |", "|---|---|---|"]
        for path, item in found["paths"].items():
            for method, operation in item.items():
                if tag["name"] in operation["tags"]:
                    scopes = " or ".join(f"`{scope}`" for scope in scopes_in(operation))
                    where = f"`{method.upper()} {path}`"
                    lines.append(f"| {where} | {operation['summary']} | {scopes} |")
        lines.append("")
    return "\n".join(lines)


class Command(BaseCommand):
    help = "Write the operations into docs/reference/rest-api.md; --check tells if it is current."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--check", action="store_true", help="Write nothing; fail if outdated.")

    def handle(self, *args: Any, **options: Any) -> None:
        page = PAGE.read_text(encoding="utf-8")
        before, _, rest = page.partition(BEGIN)
        _, _, after = rest.partition(END)
        made = f"{before}{BEGIN}\n{operations_list()}\n{END}{after}"
        if made == page:
            return
        if options["check"]:
            raise CommandError(f"{PAGE.name} is outdated: run manage.py openapi")
        PAGE.write_text(made, encoding="utf-8")
