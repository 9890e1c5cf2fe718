"""The way from an event loop to the database."""

import asyncio
import threading

import pytest
from django.db import connection

from bots.models import Bot
from calls.database import db

pytestmark = [pytest.mark.db, pytest.mark.django_db(transaction=True)]


async def test_a_query_answers_what_it_found() -> None:
    await db(Bot.objects.create, name="demo")

    assert await db(Bot.objects.filter(name="demo").count) == 1


async def test_an_error_of_a_query_reaches_its_caller() -> None:
    with pytest.raises(Bot.DoesNotExist):
        await db(Bot.objects.get, name="nobody")


async def test_a_slow_query_delays_no_other() -> None:
    began, let_go = threading.Event(), threading.Event()

    def slow() -> int:
        count = Bot.objects.count()
        began.set()
        assert let_go.wait(30)
        return count

    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(db(slow))
        assert await asyncio.to_thread(began.wait, 30)
        # It would wait for ever if it stood in line behind the slow one.
        assert await db(Bot.objects.count) == 0
        assert not first.done()
        let_go.set()
    assert first.result() == 0


async def test_no_query_runs_on_the_event_loops_thread() -> None:
    assert await db(threading.current_thread) is not threading.current_thread()


async def test_a_query_leaves_no_transaction_open() -> None:
    def break_off() -> bool:
        connection.set_autocommit(False)
        return connection.in_atomic_block or not connection.get_autocommit()

    def commits_by_itself() -> bool:
        return connection.get_autocommit()

    assert await db(break_off)
    async with asyncio.TaskGroup() as tasks:
        states = [tasks.create_task(db(commits_by_itself)) for _ in range(8)]
    assert all(state.result() for state in states)


def test_two_event_loops_share_the_database() -> None:
    def count() -> int:
        return asyncio.run(db(Bot.objects.count))

    Bot.objects.create(name="demo")
    results: list[int] = []
    threads = [threading.Thread(target=lambda: results.append(count())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert results == [1, 1]
    assert count() == 1
