"""What the pages about bots say of calls; `bots.core.figures` asks for it."""

from datetime import timedelta

from django.db.models import Count, Q
from django.utils.timezone import now

from bots.core.figures import BotFigures
from calls.models import Call, ServiceFault


def bot_figures() -> dict[str, BotFigures]:
    """The calls of every bot by name: going on, and of the last 24 hours. Two queries.

    A call counts as failed when it ended out of order, as in the call history.
    """
    active = Call.objects.filter(state=Call.State.ACTIVE).order_by()
    live = dict(active.values_list("bot_name").annotate(count=Count("pk")))
    failed = Count("pk", filter=Q(reason_code="error"))
    recent = Call.objects.filter(started_at__gte=now() - timedelta(days=1), is_test=False)
    counted = recent.order_by().values_list("bot_name").annotate(day=Count("pk"), failed=failed)
    day = {name: (calls, wrong) for name, calls, wrong in counted}
    return {
        name: BotFigures(live=live.get(name, 0), day=calls, failed=wrong)
        for name, (calls, wrong) in {**dict.fromkeys(live, (0, 0)), **day}.items()
    }


def provider_faults() -> dict[str, int]:
    """How often each provider failed in calls of the last hour, by name. One query."""
    recent = ServiceFault.objects.filter(at__gte=now() - timedelta(hours=1)).exclude(provider="")
    return dict(recent.order_by().values_list("provider").annotate(count=Count("pk")))
