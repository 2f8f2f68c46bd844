"""JSON text of a block's values."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from .failure import BlockFailure
from .types import member_names


def plain(value: Any) -> Any:
    """A value made of what JSON has: dataclasses become objects with their members' JSON names, tuples and other
    sequences lists."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: plain(getattr(value, attribute)) for attribute, name in member_names(type(value))}
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    raise BlockFailure("internal", f"a {type(value).__name__} cannot be written as JSON")


def dumps(value: Any, what: str = "the output") -> str:
    """JSON text.

    Raises ``BlockFailure`` ``internal`` if the value cannot be written, as NaN and objects of other classes.
    """
    try:
        return clean(json.dumps(plain(value), ensure_ascii=False, allow_nan=False, separators=(",", ":")))
    except BlockFailure as failure:
        raise BlockFailure(failure.code, f"{what}: {failure.message}") from failure
    except (TypeError, ValueError, RecursionError) as error:
        raise BlockFailure("internal", f"{what} cannot be written as JSON: {error}") from error


def clean(text: str) -> str:
    """Text that UTF-8 can hold: lone surrogates become question marks."""
    try:
        text.encode()
        return text
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
