"""How a call ends when it does not fail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

DEFAULT_PORT = "output"
"""The port of a block that declares none."""


class Outputs:
    """Data by port. A port left out stays silent, and the nodes behind it are skipped.

    ``metadata`` is a JSON object kept with the node's result, such as how many items were looked at.
    """

    def __init__(self, ports: Mapping[str, Any], *, metadata: Mapping[str, Any] | None = None) -> None:
        self.ports: dict[str, Any] = dict(ports)
        self.metadata: dict[str, Any] | None = None if metadata is None else dict(metadata)


class Suspend:
    """The wish to be called again: the host keeps ``state``, drops the instance, and calls ``execute`` again after
    ``after_ms`` milliseconds with the state in ``context.state``. It survives restarts of the server. ``state`` is any
    JSON.
    """

    def __init__(self, after_ms: int, state: Any) -> None:
        self.after_ms = max(0, int(after_ms))
        self.state = state
