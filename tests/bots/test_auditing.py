"""The words of the audit log."""

import pytest

from bots.core.auditing import Action

pytestmark = pytest.mark.pure


def test_every_action_has_words_of_its_own() -> None:
    words = [action.words for action in Action]

    assert all(words)
    assert len(set(words)) == len(words)
