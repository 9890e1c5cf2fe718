"""What is told while the database is away."""

import fcntl
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import override_settings
from django.utils import timezone

from alarms.core.catalogue import DATABASE_UNAVAILABLE
from alarms.core.ports import Notice
from alarms.core.severity import Severity
from alarms.models import AlarmRule, Destination
from alarms.services import emergency
from alarms.services.ledger import locked_ledger, write
from tests.alarms.owed import destination

pytestmark = pytest.mark.django_db


class Post:
    """Takes what is to be sent; what ``works`` names arrives."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Notice]] = []
        self.works: set[str] = set()

    def __call__(self, notice: Notice, to: Destination) -> None:
        self.sent.append((to.name, notice))
        if to.name in self.works:
            emergency.told(to.pk)


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    """The post of a process that is alone on its machine."""
    with override_settings(VAR_DIR=tmp_path):
        found = Post()
        emergency.send_by(found)
        yield found
        emergency.written()


def remember() -> None:
    write(locked_ledger(), [])
    emergency.remember()


def test_destinations_are_told_from_memory_until_they_have_it(post: Post) -> None:
    nms = destination("nms")
    destination("mail")
    destination("pager", types=["diskSpaceLow"])
    remember()
    Destination.objects.all().delete()
    post.works = {"nms"}
    emergency.away("connection refused")
    emergency.away("connection refused")
    assert [name for name, _ in post.sent] == ["mail", "nms", "mail"]
    first, second, again = [notice for _, notice in post.sent]
    assert first.type == DATABASE_UNAVAILABLE.name
    assert first.severity is Severity.CRITICAL
    assert first.text == "The database does not answer: connection refused"
    assert first.kind == "raised"
    assert first == again
    assert first.alarm_id == second.alarm_id
    assert first.id != second.id
    told = emergency.ended()
    assert told is not None
    assert told.told == (nms.pk,)
    assert (str(told.alarm_id), told.at) == (first.alarm_id, first.at)
    emergency.written()
    assert emergency.ended() is None
    emergency.away("")
    assert post.sent[-1][1].alarm_id != first.alarm_id


def test_a_rule_decides_here_too(post: Post) -> None:
    destination("nms", min_severity=Severity.MAJOR)
    values = {"type": DATABASE_UNAVAILABLE.name, "changed_at": timezone.now()}
    rule = AlarmRule.objects.create(**values, severity=Severity.MAJOR, text="Data gone: {detail}")
    remember()
    emergency.away("why")
    assert (post.sent[0][1].severity, post.sent[0][1].text) == (Severity.MAJOR, "Data gone: why")
    emergency.written()
    rule.enabled = False
    rule.save()
    remember()
    emergency.away("why")
    assert len(post.sent) == 1


def test_one_process_of_a_machine_tells(post: Post, tmp_path: Path) -> None:
    destination()
    remember()
    with (tmp_path / emergency.LOCK).open("ab") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        emergency.away("why")
        assert post.sent == []
        (tmp_path / emergency.STATE).write_bytes(b"")
        assert emergency.ended() is None
    emergency.away("why")
    assert len(post.sent) == 1


def test_another_process_goes_on_with_what_one_began(post: Post) -> None:
    nms = destination("nms")
    destination("mail")
    remember()
    post.works = {"nms"}
    emergency.away("why")
    known = emergency._watch
    known.release()
    emergency._watch = emergency._Watch()
    emergency.send_by(post)
    emergency.remember()
    emergency.away("other words")
    (name, notice), *others = post.sent[2:]
    assert (name, others) == ("mail", [])
    assert notice.alarm_id == post.sent[0][1].alarm_id
    assert notice.detail == "why"
    told = emergency.ended()
    assert told is not None
    assert told.told == (nms.pk,)


def test_without_anybody_who_knows_nothing_is_said(post: Post) -> None:
    emergency.away("nothing was remembered")
    assert post.sent == []
    assert emergency.ended() is None
    emergency.send_by(None)
    destination()
    remember()
    emergency.away("no courier")
    assert emergency.ended() is None


def test_a_file_that_was_cut_off_is_no_emergency(post: Post, tmp_path: Path) -> None:
    (tmp_path / emergency.STATE).write_bytes(b'{"alarm_id":')
    assert emergency.ended() is None
    assert not (tmp_path / emergency.STATE).exists()


def test_where_nothing_can_be_written_it_is_told_all_the_same(post: Post, tmp_path: Path) -> None:
    destination("nms")
    pager = destination("pager")
    remember()
    post.works = {"nms"}
    with override_settings(VAR_DIR=tmp_path / "gone"):
        emergency.away("the disk is full")
        emergency.away("the disk is full")
        assert [name for name, _ in post.sent] == ["nms", "pager", "pager"]
        told = emergency.ended()
        assert told is not None
        assert told == emergency.known()
        assert pager.pk not in told.told
        emergency.written()
        assert emergency.ended() is None


def test_with_room_again_others_learn_what_was_told(post: Post, tmp_path: Path) -> None:
    nms = destination("nms")
    remember()
    (tmp_path / "alarms.emergency.new").mkdir()
    emergency.away("the disk is full")
    (tmp_path / "alarms.emergency.new").rmdir()
    assert not (tmp_path / emergency.STATE).exists()
    emergency.told(nms.pk)
    assert (tmp_path / emergency.STATE).exists()
    told = emergency.ended()
    assert told is not None
    assert told.told == (nms.pk,)
