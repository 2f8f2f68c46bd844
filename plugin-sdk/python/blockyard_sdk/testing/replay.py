"""Which recorded exchange answers a request. The rules are the host's own in the mode ``test``."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, urljoin, urlsplit

from ..http import Response

_SAFE_IN_PATHS = "%/:@!$&'()*+,;=~-._"


@dataclass
class _Recorded:
    key: tuple[Any, ...]
    response: Response
    served: bool = False


class Replay:
    """Recorded exchanges, and which of them were served.

    A request matches an exchange of the same method, path, set of query parameters and body; JSON bodies are compared
    by what they mean. The host of the URL does not matter, nor do headers. Exchanges that match the same request are
    served in their order, and the last one repeats.

    Raises ``ValueError`` for the first exchange that cannot be used.
    """

    def __init__(self, exchanges: Sequence[Mapping[str, Any]] = ()) -> None:
        self._recorded: list[_Recorded] = []
        for index, exchange in enumerate(exchanges):
            try:
                self._recorded.append(_read(exchange))
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"exchange {index}: {error}") from error

    def answer(self, method: str, url: str, body: bytes | None) -> Response | None:
        """The answer to a request, if one is recorded."""
        try:
            key = _key(method, url, body or b"")
        except ValueError:
            return None
        matching = [recorded for recorded in self._recorded if recorded.key == key]
        if not matching:
            return None
        chosen = next((recorded for recorded in matching if not recorded.served), matching[-1])
        chosen.served = True
        return chosen.response


def _read(exchange: Mapping[str, Any]) -> _Recorded:
    if set(exchange) != {"request", "response"}:
        raise ValueError("an exchange has a request and a response")
    request, response = exchange["request"], exchange["response"]
    _only(request, {"method", "url", "body", "bodyBase64"})
    _only(response, {"status", "headers", "body", "bodyBase64"})
    status = response["status"]
    if not 100 <= status <= 599:
        raise ValueError(f"{status} is no HTTP status")
    answer = Response(status, list(response.get("headers", {}).items()), _bytes(response))
    return _Recorded(_key(request["method"], request["url"], _bytes(request)), answer)


def _only(members: Mapping[str, Any], known: set[str]) -> None:
    unknown = set(members) - known
    if unknown:
        raise ValueError(f"there is no member `{min(unknown)}`")


def _bytes(message: Mapping[str, Any]) -> bytes:
    body, encoded = message.get("body"), message.get("bodyBase64")
    if body is not None and encoded is not None:
        raise ValueError("has both `body` and `bodyBase64`")
    if encoded is not None:
        try:
            return base64.b64decode(encoded, validate=True)
        except binascii.Error as error:
            raise ValueError(f"`bodyBase64` is no base64: {error}") from error
    if body is None:
        return b""
    return (body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)).encode()


def _key(method: str, url: str, body: bytes) -> tuple[Any, ...]:
    parts = urlsplit(url)
    if not parts.scheme or not parts.netloc:
        raise ValueError(f"its URL cannot be read: {url}")
    path = urlsplit(urljoin(url, parts.path or "/")).path
    query = sorted(parse_qsl(parts.query, keep_blank_values=True))
    return (method.upper(), quote(path, safe=_SAFE_IN_PATHS), query, _meaning(body))


def _meaning(body: bytes) -> tuple[str, Any]:
    """Text that is equal for JSON of equal meaning; the bytes themselves of anything else."""
    try:
        return ("json", json.dumps(json.loads(body, parse_constant=_no_constant), sort_keys=True))
    except ValueError:
        return ("bytes", body)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
