"""Bots that others wrote, fetched and built to run beside the tests; none of their code is ours.

As a program it makes ready what the tests of this folder need, in ``var/peers``::

    python -m tests.peers.checkouts [FOLDER]

FOLDER has checkouts of the repositories by name; without it they are cloned at the commits that
the how-to pages were written for. Needs git, Node 20 and the registries of npm and Python.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
HOME = ROOT / "var" / "peers"

REPOSITORIES = {
    "ac-bot-api": ("audiocodes/ac-bot-api", "c81e45f03f61051206ffc70ae55c2b3d914ff893"),
    "ac-api-samples": ("ac-voice-ai/ac-api-samples", "2428cca57a0a471cf5c065b7232c5919d7d39f5e"),
    "rasa-audiocodes": ("ac-voice-ai/rasa-audiocodes", "7865752f87750cbb0def025a87f4aff87c5cd931"),
    "deepgram-audiocodes-bridge": (
        "deepgram/deepgram-audiocodes-bridge",
        "c9808853e13c3270708d06c8545e661f5861b02e",
    ),
}
"""Where each is on GitHub, and which commit is meant."""

NPM = ("npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts")


def run(words: Sequence[str], folder: Path, *, may_fail: bool = False) -> None:
    """Run a program in ``folder``."""
    print(f"{folder.name}: {' '.join(words)}", flush=True)
    subprocess.run(words, cwd=folder, check=not may_fail)


def fetch(name: str, source: Path | None) -> None:
    """Put the code of ``name`` into `HOME`."""
    target = HOME / name
    if source is not None:
        unwanted = shutil.ignore_patterns(".git", "node_modules", "dist", ".venv", "__pycache__")
        shutil.copytree(source / name, target, ignore=unwanted)
        return
    repository, commit = REPOSITORIES[name]
    target.mkdir(parents=True)
    run(("git", "init", "-q"), target)
    url = f"https://github.com/{repository}"
    run(("git", "fetch", "-q", "--depth", "1", url, commit), target)
    run(("git", "checkout", "-q", "FETCH_HEAD"), target)


def build_sdk(folder: Path) -> None:
    """The TypeScript SDK."""
    run(NPM, folder)
    run(("npx", "tsc"), folder)


def build_samples(folder: Path) -> None:
    """The sample bots, with the SDK beside them: the version they name is not published."""
    bots = folder / "ac-bot-api"
    (bots / "package-lock.json").unlink(missing_ok=True)
    package = json.loads((bots / "package.json").read_text())
    package["dependencies"]["@audiocodes/ac-bot-api"] = "file:../../ac-bot-api"
    (bots / "package.json").write_text(json.dumps(package))
    run((*NPM, "--install-links=false"), bots)
    # Newer typings of Express find fault with one line; the JavaScript is written all the same.
    run(("npx", "tsc"), bots, may_fail=True)
    shutil.copytree(bots / "src" / "static", bots / "dist" / "static", dirs_exist_ok=True)


def build_python(*requirements: str) -> Callable[[Path], None]:
    """An environment of its own with ``requirements``."""

    def build(folder: Path) -> None:
        run((sys.executable, "-m", "venv", "--without-pip", ".venv"), folder)
        uv = Path(sys.executable).with_name("uv")
        run((str(uv), "pip", "install", "-q", "-p", ".venv", *requirements), folder)

    return build


BUILDS: dict[str, Callable[[Path], None]] = {
    "ac-bot-api": build_sdk,
    "ac-api-samples": build_samples,
    "rasa-audiocodes": build_python("sanic"),
    "deepgram-audiocodes-bridge": build_python("websockets>=17"),
}
"""How each is made ready to run, in this order."""


def main(source: Path | None) -> None:
    """Fetch and build what is not there yet."""
    for name, build in BUILDS.items():
        ready = HOME / f"{name}.ready"
        if not ready.exists():
            shutil.rmtree(HOME / name, ignore_errors=True)
            fetch(name, source)
            build(HOME / name)
            ready.touch()


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else None)
