"""Which dialouts a call that comes back may be, while their ids arrive."""

from typing import Any

import pytest
from django.db import connection

from bots.selectors import call_configuration
from calls.core.dialout import State
from calls.dialouts.matching import candidates
from calls.models import Dialout
from tests.calls.dialouts.rows import bot, brought

pytestmark = [pytest.mark.db, pytest.mark.django_db]


def test_a_call_that_gets_its_id_meanwhile_is_found_all_the_same() -> None:
    seller = bot()
    row = brought(State.PLACING, carrier="c", callback_digest="d", bot=seller)
    configuration = call_configuration("seller")
    here = Dialout.objects.filter(pk=row.pk, carrier_call_id="")

    def execute(run: Any, sql: str, *given: Any) -> Any:
        answer = run(sql, *given)
        if sql.startswith("SELECT"):
            here.update(carrier_call_id="far-1")
        return answer

    with connection.execute_wrapper(execute):
        found = candidates("seller", configuration, "far-1")
    assert found.named is not None or str(row.pk) in found.unnamed
    later = candidates("seller", configuration, "far-1")
    assert later.named is not None
    assert later.named.order.dialout_id == str(row.pk)
