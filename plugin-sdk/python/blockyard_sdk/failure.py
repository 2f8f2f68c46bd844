"""What a block answers when it cannot do its work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class BlockFailure(Exception):
    """A failed call. Raise it anywhere inside of ``execute``.

    ``code`` is stable, lower-case with dashes: workflows branch and retry on it; :mod:`blockyard_sdk.codes` lists the
    common ones. ``message`` is one sentence for a person. ``retry`` says that another attempt may succeed, and
    ``retry_after_ms`` how long to wait for it at least, in milliseconds (it implies ``retry``). ``details`` become a
    JSON object.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retry: bool = False,
        retry_after_ms: int | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry = retry or retry_after_ms is not None
        self.retry_after_ms = None if retry_after_ms is None else max(0, int(retry_after_ms))
        self.details: dict[str, Any] = dict(details or {})

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.code!r}, {self.message!r})"


def invalid_config(pointer: str, message: str) -> BlockFailure:
    """``invalid-config``, pointing at the offending value by JSON pointer (empty: the whole config)."""
    return _located("invalid-config", "config", pointer, message)


def invalid_input(pointer: str, message: str) -> BlockFailure:
    """``invalid-input``, pointing at the offending value by JSON pointer (empty: the whole input)."""
    return _located("invalid-input", "input", pointer, message)


def _located(code: str, what: str, pointer: str, message: str) -> BlockFailure:
    place = f" at {pointer}" if pointer else ""
    return BlockFailure(code, f"the {what} is not valid{place}: {message}", details={"pointer": pointer})
