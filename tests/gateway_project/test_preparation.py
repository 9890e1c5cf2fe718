"""What is prepared before the processes start, and that doing it again changes nothing."""

from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from pytest_django.fixtures import Settings
from structlog.testing import capture_logs

from bots.models import Bot
from gateway_project import environment, preparation
from tests.worlds import with_role

pytestmark = [pytest.mark.db, pytest.mark.django_db]


@pytest.fixture
def installation(settings: Settings, tmp_path: Path) -> Path:
    """An installation whose static files are one style sheet."""
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "app.css").write_text("a {}")
    settings.VAR_DIR = tmp_path
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATICFILES_DIRS = [tmp_path / "source"]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    return tmp_path


def test_static_files_are_collected_only_when_one_has_changed(installation: Path) -> None:
    assert preparation.collect_static()
    assert (installation / "static" / "app.css").read_text() == "a {}"
    assert not preparation.collect_static()
    (installation / "source" / "app.css").write_text("a { color: red }")
    assert preparation.collect_static()
    assert (installation / "static" / "app.css").read_text() == "a { color: red }"


def test_a_file_that_was_removed_is_not_served_any_more(installation: Path) -> None:
    (installation / "source" / "old.css").touch()
    preparation.collect_static()
    (installation / "source" / "old.css").unlink()
    assert preparation.collect_static()
    assert not (installation / "static" / "old.css").exists()


def test_the_first_user_gets_the_password_of_the_environment(settings: Settings) -> None:
    settings.ENVIRONMENT = environment.read({"GATEWAY_ADMIN_PASSWORD": "given-password"})
    assert preparation.create_admin() is None
    admin = get_user_model().objects.get(username="admin")
    assert admin.is_superuser
    assert admin.check_password("given-password")


def test_without_one_a_password_is_made_up_and_told_once(settings: Settings) -> None:
    settings.ENVIRONMENT = environment.read({})
    password = preparation.create_admin()
    assert password is not None
    assert len(password) >= 16
    assert get_user_model().objects.get().check_password(password)
    assert preparation.create_admin() is None


def test_an_operator_who_renamed_the_first_user_gets_no_second_one(settings: Settings) -> None:
    settings.ENVIRONMENT = environment.read({})
    get_user_model().objects.create_superuser("root", password="x")
    assert preparation.create_admin() is None
    assert get_user_model().objects.count() == 1


def test_an_administrator_by_role_is_one_and_a_name_is_not_given_twice(settings: Settings) -> None:
    settings.ENVIRONMENT = environment.read({})
    get_user_model().objects.create_user("admin", password="x")
    assert preparation.create_admin() is None
    get_user_model().objects.update(username="former")
    with_role("administrator")
    assert preparation.create_admin() is None


@pytest.mark.usefixtures("installation")
def test_secrets_that_no_key_decrypts_are_logged_and_stop_nothing(settings: Settings) -> None:
    settings.ENVIRONMENT = environment.read({"GATEWAY_ADMIN_PASSWORD": "given-password"})
    settings.DEMO = False
    params = {"sendMetaDataPassword": {"$secret": "made under a lost key"}}
    Bot.objects.create(name="base", is_base=True, params=params)
    with capture_logs() as logs:
        preparation.prepare()
    assert [line for line in logs if line["event"] == "secrets.unreadable"] == [
        {
            "event": "secrets.unreadable",
            "log_level": "error",
            "places": ["bot base: sendMetaDataPassword"],
        }
    ]
