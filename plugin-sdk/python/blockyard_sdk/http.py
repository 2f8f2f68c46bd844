"""HTTP, checked by the host against what the operator granted before a byte leaves.

Redirects are not followed. Bodies arrive decompressed.
"""

from __future__ import annotations

import json as _json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from . import _host
from ._retry_after import milliseconds, number
from .failure import BlockFailure
from .secrets import Credential
from .text import dumps

_EXCERPT_CHARS = 200


class HttpError(BlockFailure):
    """A request that got no answer. Uncaught, it is the call's failure, with a retry hint where another attempt may
    help."""


class InvalidRequest(HttpError):
    """Not a request the host can send: bad URL, method or header (``invalid-request``)."""

    def __init__(self, message: str) -> None:
        super().__init__("invalid-request", message)


class Denied(HttpError):
    """Refused by a grant or by the network guard; the message names which (``denied``)."""

    def __init__(self, message: str) -> None:
        super().__init__("denied", message)


class Limited(HttpError):
    """A limit of the host is reached (``limited``); retryable."""

    def __init__(self, message: str) -> None:
        super().__init__("limited", message, retry=True)


class TransportError(HttpError):
    """Name resolution, connect, TLS or a broken transfer (``transport``); retryable."""

    def __init__(self, message: str) -> None:
        super().__init__("transport", message, retry=True)


class Timeout(HttpError):
    """No complete answer in time (``upstream-timeout``); retryable."""

    def __init__(self) -> None:
        super().__init__("upstream-timeout", "no complete answer in time", retry=True)


class TooLarge(HttpError):
    """The answer is larger than the host allows (``too-large``)."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__("too-large", f"the answer is larger than {limit_bytes} bytes")
        self.limit_bytes = limit_bytes


class NotRecorded(HttpError):
    """The mode is ``test`` or ``demo`` and no recorded exchange matches (``not-recorded``)."""

    def __init__(self, message: str) -> None:
        super().__init__("not-recorded", message)


class OtherError(HttpError):
    """Anything else (``internal``)."""

    def __init__(self, message: str) -> None:
        super().__init__("internal", message)


class Request:
    """A request, with the secrets that go into it.

    ``url`` is absolute, without credentials; ``query`` is added to it before its fragment, percent-encoded, without
    members that are ``None``, and with ``True`` as ``true``. ``json`` or ``body`` is the body; JSON brings its
    ``Content-Type``. ``timeout_ms`` bounds the whole exchange, in milliseconds; the host's own ceiling still holds.
    Headers that frame the message (``Host``, ``Content-Length``, ``Accept-Encoding``, ...) belong to the host, which
    refuses them.
    """

    def __init__(
        self,
        method: str,
        url: str,
        *,
        query: Mapping[str, str | int | float | bool | None] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        body: bytes | str | None = None,
        timeout_ms: int | None = None,
        credentials: Sequence[Credential] = (),
    ) -> None:
        if json is not None and body is not None:
            raise ValueError("a request has either `json` or `body`")
        self.method = method
        self.url = _with_query(url, query or {})
        self.headers: list[tuple[str, str]] = list((headers or {}).items())
        self.body: bytes | None = body.encode() if isinstance(body, str) else body
        if json is not None:
            self.body = dumps(json, "the request's body").encode()
            if not any(name.lower() == "content-type" for name, _ in self.headers):
                self.headers.append(("content-type", "application/json"))
        self.timeout_ms = timeout_ms
        self.credentials: tuple[Credential, ...] = tuple(credentials)


class Response:
    """A whole answer. Headers keep their order and may repeat."""

    def __init__(self, status: int, headers: Sequence[tuple[str, str]] = (), body: bytes | str = b"") -> None:
        self.status = status
        self.headers: list[tuple[str, str]] = list(headers)
        self.body: bytes = body.encode() if isinstance(body, str) else body

    def header(self, name: str) -> str | None:
        """The first header of this name, in any case."""
        return next((value for known, value in self.headers if known.lower() == name.lower()), None)

    @property
    def text(self) -> str:
        """The body as text; what is no UTF-8 is replaced."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON.

        Raises ``BlockFailure`` ``unexpected-response``, with the beginning of the body in the details.
        """
        try:
            return _json.loads(self.body)
        except ValueError as error:
            raise self.unexpected(f"the answer is no JSON: {error}") from error

    @property
    def is_success(self) -> bool:
        """Whether the status is one of 200 to 299."""
        return 200 <= self.status < 300

    def ok(self) -> Response:
        """The answer itself if the status is one of 200 to 299.

        Raises :meth:`failure` otherwise.
        """
        if self.is_success:
            return self
        raise self.failure()

    @property
    def retry_after_ms(self) -> int | None:
        """How long the server asks to wait, in milliseconds: the header ``retry-after-ms``, else ``Retry-After`` in
        seconds or as a date (RFC 9110, section 10.2.3). A block has no clock, so a date is measured from the answer's
        own ``Date``."""
        exact = number(self.header("retry-after-ms") or "", 1)
        if exact is not None:
            return exact
        value = self.header("retry-after")
        return None if value is None else milliseconds(value, self.header("date"))

    def failure(self, message: str | None = None) -> BlockFailure:
        """What an error status usually means: 401 ``unauthorized``, 402 ``quota-exceeded``, 403 ``forbidden``, 404 and
        410 ``not-found``, 408, 504 and 524 ``upstream-timeout``, 409 ``conflict``, 413 ``too-large``, 429
        ``rate-limited``, other 4xx ``invalid-request``, other 5xx ``upstream``, anything else ``unexpected-response``.
        Late answers, 429 and 5xx are worth another attempt, after ``Retry-After`` if there is one.

        ``message`` is the vendor's own, by default the beginning of the body.
        """
        code = _CODES.get(self.status) or _CLASSES.get(self.status // 100, "unexpected-response")
        retry = code in ("rate-limited", "upstream", "upstream-timeout")
        return BlockFailure(
            code,
            (self.excerpt() if message is None else message) or f"HTTP status {self.status}",
            retry=retry,
            retry_after_ms=self.retry_after_ms if retry else None,
            details={"status": self.status},
        )

    def unexpected(self, message: str) -> BlockFailure:
        """``unexpected-response``: the answer is not what the vendor documents."""
        return BlockFailure("unexpected-response", message, details={"status": self.status, "body": self.excerpt()})

    def excerpt(self) -> str:
        """The beginning of the body, as text on one line."""
        line = " ".join(self.text.split())
        return line if len(line) <= _EXCERPT_CHARS else line[:_EXCERPT_CHARS] + "…"


_CODES = {
    401: "unauthorized",
    402: "quota-exceeded",
    403: "forbidden",
    404: "not-found",
    408: "upstream-timeout",
    409: "conflict",
    410: "not-found",
    413: "too-large",
    429: "rate-limited",
    504: "upstream-timeout",
    524: "upstream-timeout",
}
_CLASSES = {4: "invalid-request", 5: "upstream"}


def send(request: Request) -> Response:
    """Sends a request and waits for the whole answer. A status such as 404 is an answer, not an error; see
    :meth:`Response.ok`.

    Raises ``HttpError`` if there is no answer.
    """
    (answer,) = _host.current().send_all([request])
    if isinstance(answer, HttpError):
        raise answer
    return answer


def send_all(requests: Sequence[Request]) -> list[Response | HttpError]:
    """Sends many requests at once; answers, and errors in their place, come back in the order of the requests. The
    host bounds how many are in flight, so a list may be long."""
    return _host.current().send_all(requests) if requests else []


def segment(text: str) -> str:
    """A path segment, percent-encoded: ``/`` inside of it does not split it."""
    return quote(text, safe="-._~")


def _with_query(url: str, query: Mapping[str, str | int | float | bool | None]) -> str:
    pairs = [f"{segment(name)}={segment(_word(value))}" for name, value in query.items() if value is not None]
    if not pairs:
        return url
    base, hash_, fragment = url.partition("#")
    _, mark, known = base.partition("?")
    separator = "?" if not mark else "" if known == "" or known.endswith("&") else "&"
    return base + separator + "&".join(pairs) + hash_ + fragment


def _word(value: str | int | float | bool) -> str:
    """As JSON has it: ``true``, where Python writes ``True``."""
    return str(value).lower() if isinstance(value, bool) else str(value)
