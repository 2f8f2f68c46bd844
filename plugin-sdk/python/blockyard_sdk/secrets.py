"""Handles to secrets. A block uses a secret without ever holding its text: the host writes it into the request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from . import _host
from .failure import BlockFailure


class SecretError(BlockFailure):
    """There is no such secret for this block."""


class SecretNotGranted(SecretError):
    """The operator has not granted it, or the manifest does not declare it: ``secret-not-granted``."""

    def __init__(self, message: str) -> None:
        super().__init__("secret-not-granted", message)


class SecretNotSet(SecretError):
    """It has no value that this execution's user may use: ``secret-not-set``."""

    def __init__(self, message: str) -> None:
        super().__init__("secret-not-set", message)


@dataclass(frozen=True)
class Credential:
    """A secret, and where the host writes it into a request. Made by the methods of ``Secret``."""

    secret: Secret
    kind: Literal["bearer", "header", "query", "basic"]
    name: str = ""
    prefix: str = ""


class Secret:
    """A secret of this call. It carries no text."""

    def __init__(self, name: str, handle: Any = None) -> None:
        self.name = name
        self.handle = handle

    def bearer(self) -> Credential:
        """``Authorization: Bearer <secret>``"""
        return Credential(self, "bearer")

    def header(self, name: str, prefix: str = "") -> Credential:
        """``<name>: <prefix><secret>``"""
        return Credential(self, "header", name, prefix)

    def query(self, name: str) -> Credential:
        """``?<name>=<secret>``, percent-encoded."""
        return Credential(self, "query", name)

    def basic(self, user: str) -> Credential:
        """HTTP basic: the secret is the password of this user."""
        return Credential(self, "basic", user)

    def __repr__(self) -> str:
        return f"Secret({self.name!r})"


def secret(name: str) -> Secret:
    """Asks for a secret by the name that the manifest declares.

    Raises ``SecretNotGranted`` or ``SecretNotSet``.
    """
    return Secret(name, _host.current().secret(name))


def optional_secret(name: str) -> Secret | None:
    """A secret that the block works without: ``None`` if it has no value.

    Raises ``SecretNotGranted``.
    """
    try:
        return secret(name)
    except SecretNotSet:
        return None
