"""Start-up: broken plug-ins are warnings of the system check."""

import pytest
from django.apps import apps
from django.core.checks import run_checks

from bots.core import registry


@pytest.mark.usefixtures("plugins")
def test_a_broken_plugin_is_a_warning_with_its_reason() -> None:
    registry.broken["bots.speech.acme"] = "ModuleNotFoundError: No module named 'acme'"
    found = [message for message in run_checks() if message.id == "bots.W001"]
    assert [message.msg for message in found] == [
        "The plug-in bots.speech.acme could not be loaded: "
        "ModuleNotFoundError: No module named 'acme'"
    ]
    calls = [apps.get_app_config("calls")]
    assert not [m for m in run_checks(app_configs=calls) if m.id == "bots.W001"]
    registry.broken.clear()
    assert not [message for message in run_checks() if message.id == "bots.W001"]
