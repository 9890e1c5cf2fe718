"""Registration and discovery of plug-ins, with real packages on disk."""

import importlib.metadata
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, ClassVar

import pytest
from pydantic import Field

from bots.core import registry
from bots.core.params.declare import Param, ParamSet
from bots.core.registry import DuplicatePluginError, NoParams

pytestmark = pytest.mark.pure


class AcmeParams(ParamSet):
    SECTION: ClassVar[str] = "Acme"
    model: Annotated[str, Param(help="Recogniser model.")] = Field("general", alias="acmeModel")


class AcmeStt:
    def __init__(self, params: AcmeParams, credentials: NoParams) -> None:
        self.model = params.model


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_plugins", {})
    monkeypatch.setattr(registry, "broken", {})


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Writes a package of plug-ins and returns its name; forgets its modules afterwards."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(name: str, **modules: str) -> str:
        folder = tmp_path / name
        folder.mkdir()
        (folder / "__init__.py").write_text("")
        for module, text in modules.items():
            (folder / f"{module}.py").write_text(text)
        return name

    yield write
    for module in [m for m in sys.modules if m.startswith("plugins_under_test")]:
        del sys.modules[module]


def _plugin_source(name: str, cls: str = "Plugin") -> str:
    return f"""
from bots.core import registry
@registry.register("tts", {name!r}, {name.title()!r})
class {cls}:
    def __init__(self, params, credentials): ...
"""


def test_a_registered_class_is_found_with_its_parameters_and_can_be_built() -> None:
    registry.register("stt", "acme", "Acme", params=AcmeParams)(AcmeStt)
    plugin = registry.plugin("stt", "acme")
    assert (plugin.title, plugin.params, plugin.credentials) == ("Acme", AcmeParams, NoParams)
    built = plugin.factory(AcmeParams.model_validate({"acmeModel": "phone"}), NoParams())
    assert isinstance(built, AcmeStt)
    assert built.model == "phone"


def test_an_unknown_plugin_is_refused_with_those_that_exist() -> None:
    registry.register("stt", "acme", "Acme")(AcmeStt)
    with pytest.raises(LookupError, match=r"no stt plug-in named 'amce'; known: acme"):
        registry.plugin("stt", "amce")
    with pytest.raises(LookupError, match=r"no tts plug-in named 'acme'; known: none"):
        registry.plugin("tts", "acme")


def test_a_name_may_be_registered_once_for_each_kind() -> None:
    registry.register("stt", "acme", "Acme")(AcmeStt)
    registry.register("stt", "acme", "Acme again, the same class")(AcmeStt)
    registry.register("tts", "acme", "Acme voices")(AcmeParams)
    with pytest.raises(DuplicatePluginError, match="stt plug-in 'acme' is declared twice"):
        registry.register("stt", "acme", "Another")(AcmeParams)


def test_plugins_are_listed_by_kind_and_name() -> None:
    for kind, name in (("tts", "b"), ("stt", "z"), ("tts", "a")):
        registry.register(kind, name, name)(AcmeStt)  # type: ignore[arg-type]  # plain strings
    assert [(p.kind, p.name) for p in registry.plugins()] == [
        ("stt", "z"),
        ("tts", "a"),
        ("tts", "b"),
    ]
    assert [p.name for p in registry.plugins("tts")] == ["a", "b"]


def test_every_module_of_a_package_is_discovered(package: Callable[..., str]) -> None:
    name = package("plugins_under_test_a", one=_plugin_source("one"), two=_plugin_source("two"))
    registry.discover([name])
    registry.discover([name])
    assert [p.name for p in registry.plugins("tts")] == ["one", "two"]
    assert registry.broken == {}


def test_a_broken_module_is_kept_with_its_reason_and_stops_nobody(
    package: Callable[..., str],
) -> None:
    name = package(
        "plugins_under_test_b",
        fine=_plugin_source("fine"),
        needy="import a_vendor_package_that_is_not_installed",
    )
    registry.discover([name])
    assert [p.name for p in registry.plugins("tts")] == ["fine"]
    reason = registry.broken[f"{name}.needy"]
    assert reason.startswith("ModuleNotFoundError: No module named 'a_vendor_package")


def test_a_module_that_fails_with_a_value_error_is_broken_and_not_fatal(
    package: Callable[..., str],
) -> None:
    name = package("plugins_under_test_f", wrong="int('one')")
    registry.discover([name])
    assert registry.broken[f"{name}.wrong"].startswith("ValueError: invalid literal")


def test_a_module_that_loads_at_last_is_no_longer_broken(
    package: Callable[..., str], tmp_path: Path
) -> None:
    name = package("plugins_under_test_c", late="import plugins_under_test_vendor")
    registry.discover([name])
    assert list(registry.broken) == [f"{name}.late"]
    (tmp_path / "plugins_under_test_vendor.py").write_text("")
    registry.discover([name])
    assert registry.broken == {}


def test_two_files_that_claim_one_name_stop_start_up(package: Callable[..., str]) -> None:
    twice = _plugin_source("same")
    name = package("plugins_under_test_d", one=twice, two=twice)
    with pytest.raises(DuplicatePluginError, match="tts plug-in 'same' is declared twice"):
        registry.discover([name])


def test_installed_packages_add_plugins_by_entry_point(
    package: Callable[..., str], tmp_path: Path
) -> None:
    package("plugins_under_test_e", outside=_plugin_source("outside"))
    metadata = tmp_path / "plugins_under_test_e-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: plugins-under-test-e\n")
    (metadata / "entry_points.txt").write_text(
        f"[{registry.ENTRY_POINT_GROUP}]\noutside = plugins_under_test_e.outside\n"
    )
    importlib.invalidate_caches()
    registry.discover([])
    assert registry.plugin("tts", "outside").title == "Outside"


def test_plug_ins_with_defaults_can_be_kept_in_sets() -> None:
    registry.register("stt", "acme", "Acme", defaults={"language": "de-DE"})(AcmeStt)
    acme = registry.plugin("stt", "acme")
    assert {acme, acme} == {acme}
    assert acme.defaults == {"language": "de-DE"}
