"""Where a call was silent: nobody spoke and nothing was played. Pure."""

from itertools import groupby

import numpy as np

from bots.core.audio import FRAME_MS
from calls.testcall.ledger import Quiet
from calls.testcall.plan import AXIS, FRAME_BYTES

SHORTEST = 1.0
"""Pauses shorter than these seconds belong to speech."""
_AUDIBLE_DBFS = -50.0


def silences(said: bytes, heard: bytes, began_at: float) -> list[Quiet]:
    """The silences of two recordings of one length on the `AXIS`, which begin at ``began_at``."""
    audible = _audible(said) | _audible(heard)
    found: list[Quiet] = []
    frame = 0
    for loud, run in groupby(audible.tolist()):
        frames = len(list(run))
        seconds = frames * FRAME_MS / 1000
        if not loud and seconds >= SHORTEST:
            at = began_at + frame * FRAME_MS / 1000
            found.append(Quiet(began_at=round(at, 3), seconds=round(seconds, 3)))
        frame += frames
    return found


def _audible(pcm: bytes) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Of each frame, whether it can be heard."""
    samples = np.frombuffer(pcm, "<i2").reshape(-1, FRAME_BYTES // AXIS.sample_bytes)
    power = np.square(samples.astype(np.float32) / 32768).mean(axis=1)
    audible: np.ndarray[tuple[int], np.dtype[np.bool_]] = power > 10 ** (_AUDIBLE_DBFS / 10)
    return audible
