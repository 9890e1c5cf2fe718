"""Texts of peers and people, made so that every database, log and page takes them."""


def clean(text: str, limit: int) -> str:
    """``text`` as every database takes it: no NUL, no half characters, at most ``limit`` long."""
    return text[: 2 * limit].replace("\x00", "")[:limit].encode(errors="replace").decode()
