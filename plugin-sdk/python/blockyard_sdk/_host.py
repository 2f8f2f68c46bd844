"""The host as the SDK's modules see it: the component's imports, or a stand-in of a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from .http import HttpError, Request, Response
    from .secrets import Secret


class Host(Protocol):
    """What a call may ask for. Each function raises the SDK's own exceptions."""

    def log(self, level: str, message: str, fields: Mapping[str, Any]) -> None: ...

    def progress(self, percent: float, message: str) -> None: ...

    def secret(self, name: str) -> Any: ...

    def reveal(self, secret: Secret) -> str: ...

    def send_all(self, requests: Sequence[Request]) -> list[Response | HttpError]: ...


_hosts: list[Host] = []


def push(host: Host) -> None:
    """Makes ``host`` the one that calls go to."""
    _hosts.append(host)


def pop() -> None:
    """Goes back to the host before."""
    _hosts.pop()


def current() -> Host:
    """The host that calls go to.

    Raises ``RuntimeError`` outside of a component and of a test's ``Host``.
    """
    if not _hosts:
        raise RuntimeError("there is no host here: in a test, run the block with blockyard_sdk.testing.Host")
    return _hosts[-1]
