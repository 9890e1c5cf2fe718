"""The private directory and the keys in it."""

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from gateway_project.keys import field_keys, is_field_key, private_directory, stored_key

pytestmark = pytest.mark.pure


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_directory_is_made_for_its_owner_only(tmp_path: Path) -> None:
    made = private_directory(tmp_path / "a" / "var")
    assert mode(made) == 0o700
    assert private_directory(made) == made


@pytest.mark.parametrize("path", ["/dev/null/var", "/proc/self/fd"])
def test_a_directory_that_cannot_be_made_or_written_to_is_refused(path: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^VAR_DIR must be a directory"):
        private_directory(Path(path))


def test_a_key_is_made_once_and_read_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    key = stored_key(path)
    assert len(base64.urlsafe_b64decode(key)) == 32
    assert mode(path) == 0o600
    assert stored_key(path) == key
    assert list(tmp_path.iterdir()) == [path]


def test_threads_that_start_together_get_the_same_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(stored_key, [tmp_path / "secret.key"] * 64))
    assert len(keys) == 1


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"])
def test_a_key_file_without_a_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret.key"
    path.write_bytes(content)
    with pytest.raises(ImproperlyConfigured, match="cannot be read or is empty"):
        stored_key(path)


# --- keys of stored secrets -----------------------------------------------------------------------


def test_given_keys_are_used_and_none_is_made(tmp_path: Path) -> None:
    for shared in (True, False):
        assert field_keys(("a", "b"), tmp_path / "field.key", shared=shared) == ("a", "b")
    assert list(tmp_path.iterdir()) == []


def test_without_one_a_key_that_can_encrypt_is_made_once(tmp_path: Path) -> None:
    (key,) = field_keys((), tmp_path / "field.key", shared=False)
    assert Fernet(key).decrypt(Fernet(key).encrypt(b"1234")) == b"1234"
    assert field_keys((), tmp_path / "field.key", shared=False) == (key,)


def test_with_a_database_server_a_key_must_be_given(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^FIELD_KEYS must be set when DATABASE_URL"):
        field_keys((), tmp_path / "field.key", shared=True)
    assert list(tmp_path.iterdir()) == []


def test_a_key_file_that_cannot_encrypt_is_refused_without_showing_it(tmp_path: Path) -> None:
    path = tmp_path / "field.key"
    path.write_text("canary", encoding="ascii")
    with pytest.raises(ImproperlyConfigured, match="holds no key that can encrypt") as refused:
        field_keys((), path, shared=False)
    assert "canary" not in str(refused.value)


def test_the_form_of_a_key_is_that_of_fernet() -> None:
    key = base64.urlsafe_b64encode(b"\xfb\xff" * 16).decode()
    assert is_field_key(key)
    for wrong in (key[:-1], key[1:], f"{key}\n", key.replace("_", "/"), f"!{key}", ""):
        assert not is_field_key(wrong)
