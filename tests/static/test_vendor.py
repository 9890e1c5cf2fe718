"""Vendored files are those of their release, licensed, and nothing comes from elsewhere."""

import hashlib
import re
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.pure


def test_every_vendored_file_has_the_sum_of_its_release(repository: Path) -> None:
    vendor = repository / "static" / "vendor"
    manifest = tomllib.loads((vendor / "VENDOR.toml").read_text())
    listed: dict[str, str] = {}
    for package in manifest["package"]:
        assert package["licence"]
        assert package["licence_file"] in package["sha256"]
        assert f"{package['name']}-{package['version']}/" in package["licence_file"]
        listed |= package["sha256"]
    found = {
        str(path.relative_to(vendor)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in vendor.rglob("*")
        if path.is_file() and path.name != "VENDOR.toml"
    }
    assert found == listed


NAMED_NOT_LOADED = {"http://www.w3.org/2000/svg", "http://localhost:%(port"}
"""A namespace, and an address in a sentence."""


def test_pages_load_nothing_from_other_hosts(repository: Path) -> None:
    own = [*(repository / "templates").rglob("*.html"), *_own_static(repository, "*.[cj]s*")]
    for path in own:
        loaded = re.sub(r'placeholder="[^"]*"', "", path.read_text())  # an example to look at
        for address in re.findall(r"""https?:[^\s"')]+""", loaded):
            assert address in NAMED_NOT_LOADED, path


def test_templates_hold_no_inline_script_style_or_event_handler(repository: Path) -> None:
    forbidden = re.compile(r"<style|\sstyle=|\son[a-z]+=|javascript:|<script(?![^>]*\ssrc=)", re.I)
    for path in (repository / "templates").rglob("*.html"):
        assert not forbidden.search(path.read_text()), path


def test_scripts_never_parse_text_as_markup(repository: Path) -> None:
    forbidden = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(")
    for path in _own_static(repository, "*.js"):
        assert not forbidden.search(path.read_text()), path


def _own_static(repository: Path, pattern: str) -> list[Path]:
    static = repository / "static"
    return [path for path in static.rglob(pattern) if "vendor" not in path.parts]
