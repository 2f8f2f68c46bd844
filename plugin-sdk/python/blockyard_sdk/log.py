"""Log lines, which appear in the node's result and in the server's traces."""

from __future__ import annotations

from typing import Any

from . import _host


def trace(message: str, **fields: Any) -> None:
    """Every step."""
    _host.current().log("trace", message, fields)


def debug(message: str, **fields: Any) -> None:
    """For whoever debugs the block."""
    _host.current().log("debug", message, fields)


def info(message: str, **fields: Any) -> None:
    """For whoever reads the result."""
    _host.current().log("info", message, fields)


def warn(message: str, **fields: Any) -> None:
    """Something was skipped or replaced."""
    _host.current().log("warn", message, fields)


def error(message: str, **fields: Any) -> None:
    """Something went wrong and the block went on."""
    _host.current().log("error", message, fields)
