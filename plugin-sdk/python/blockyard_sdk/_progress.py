"""How far the running call has come."""

from __future__ import annotations

from . import _host


def progress(percent: float, message: str) -> None:
    """Reports progress: ``percent`` from 0 to 100, which never moves backwards, and what is being done.

    The host passes on a few reports a second; calling this once an item is fine.
    """
    _host.current().progress(float(percent), message)
