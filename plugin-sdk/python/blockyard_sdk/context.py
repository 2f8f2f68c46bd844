"""What the host says about the running call."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .failure import BlockFailure


@dataclass(frozen=True)
class Context:
    """The running call: who, where, which attempt, and what the workflow and the installation give.

    Any of it may be missing and unknown members are ignored, so that a block keeps working with older and newer hosts.
    """

    execution_id: str = ""
    """The execution that this call belongs to."""
    workflow_id: str = ""
    """The workflow that is executed."""
    node_id: str = ""
    """The node in that workflow."""
    item_index: int | None = None
    """Which item of a ``forEach`` this is, from 0."""
    attempt: int = 1
    """Which attempt this is, from 1."""
    mode: str = "production"
    """``production`` talks to the network; ``demo`` and ``test`` answer from recorded exchanges."""
    user_id: str = ""
    """On whose behalf."""
    idempotency_key: str = ""
    """The same over attempts, takeovers and restarts: pass it on where a vendor takes such a key."""
    variables: Mapping[str, Any] = field(default_factory=dict)
    """The workflow's variables."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """The settings of the installation that the manifest asks for, as far as they are set."""
    state: Any = None
    """What the last suspension of this call left; ``None`` on the first call."""

    @classmethod
    def from_json(cls, text: str) -> Context:
        """Reads the host's JSON; ``{}`` and an empty text are contexts too.

        Raises ``BlockFailure`` ``internal`` if the text is no JSON object.
        """
        try:
            value = json.loads(text or "{}")
        except ValueError as error:
            raise BlockFailure("internal", f"the context: {error}") from error
        if not isinstance(value, dict):
            raise BlockFailure("internal", "the context is no object")
        given = {attribute: value[name] for name, attribute in _MEMBERS.items() if value.get(name) is not None}
        return cls(**given)


_MEMBERS = {
    "executionId": "execution_id",
    "workflowId": "workflow_id",
    "nodeId": "node_id",
    "itemIndex": "item_index",
    "attempt": "attempt",
    "mode": "mode",
    "userId": "user_id",
    "idempotencyKey": "idempotency_key",
    "variables": "variables",
    "settings": "settings",
    "state": "state",
}
