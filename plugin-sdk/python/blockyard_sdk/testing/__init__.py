"""Running blocks natively, in plain ``unittest``: no server, no sandbox, no network.

::

    host = Host(secrets=["rates"], exchanges=[{"request": {...}, "response": {...}}])
    ended = host.run(execute, {"base": "EUR"}, {"date": "2026-01-02"})
    assert ended.outputs["output"] == {...}
    assert host.sent[0].credentials == [("rates", "bearer", "")]
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import _host
from ..definition import Block, Suspended, failure_of
from ..http import HttpError, NotRecorded, Request, Response
from ..secrets import Secret, SecretNotGranted, SecretNotSet
from .replay import Replay

__all__ = ["Ended", "Host", "LogLine", "Replay", "Sent", "check_case", "check_cases", "check_examples"]

_CONTEXT = {
    "executionId": "example",
    "workflowId": "example",
    "nodeId": "example",
    "attempt": 1,
    "mode": "test",
    "userId": "example",
    "idempotencyKey": "0" * 32,
    "variables": {},
    "settings": {},
}
_MOST_CALLS = 1000


@dataclass(frozen=True)
class Sent:
    """A request that the block sent."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes | None
    timeout_ms: int | None
    credentials: list[tuple[str, str, str]]
    """Name of the secret, kind of place, name of the place."""
    together: int
    """How many requests went out together with this one, itself included."""

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body or b"null")


@dataclass(frozen=True)
class LogLine:
    """A line that the block logged."""

    level: str
    message: str
    fields: dict[str, Any]


@dataclass(frozen=True)
class Ended:
    """What a call did, with everything parsed. A suspended call has ``after_ms`` and ``state``, and no outputs."""

    outputs: dict[str, Any] = field(default_factory=dict)
    metadata: Any = None
    after_ms: int | None = None
    state: Any = None

    @property
    def suspended(self) -> bool:
        """Whether the call wants to be called again."""
        return self.after_ms is not None


class Host:
    """A stand-in for the server: answers requests from recorded exchanges, else by ``respond``, and remembers what the
    block did.

    ``secrets`` are granted and have values; ``unset_secrets`` are granted and have none.

    Raises ``ValueError`` for an exchange that cannot be used.
    """

    def __init__(
        self,
        *,
        exchanges: Sequence[Mapping[str, Any]] = (),
        respond: Callable[[Sent], Response | HttpError] | None = None,
        secrets: Sequence[str] = (),
        unset_secrets: Sequence[str] = (),
    ) -> None:
        self._replay = Replay(exchanges)
        self._respond = respond
        self._secrets = set(secrets)
        self._unset = set(unset_secrets)
        self.sent: list[Sent] = []
        self.logs: list[LogLine] = []
        self.reports: list[tuple[float, str]] = []

    def __enter__(self) -> Host:
        _host.push(self)
        return self

    def __exit__(self, *_: object) -> None:
        _host.pop()

    def run(self, block: Block, config: Any, input: Any, context: Mapping[str, Any] | None = None) -> Ended:
        """Calls a block as the server would, through JSON text. ``context`` replaces members of a usual one.

        Raises ``BlockFailure``, and whatever else the block raises.
        """
        whole = {**_CONTEXT, **(context or {})}
        with self:
            ended = block.call(json.dumps(config), json.dumps(input), json.dumps(whole))
        if isinstance(ended, Suspended):
            return Ended(after_ms=ended.after_ms, state=json.loads(ended.state))
        outputs = {port: json.loads(data) for port, data in ended.emissions.items()}
        return Ended(outputs, None if ended.metadata is None else json.loads(ended.metadata))

    def run_to_end(self, block: Block, config: Any, input: Any, context: Mapping[str, Any] | None = None) -> Ended:
        """Calls a block, and again with its state for as long as it suspends.

        Raises as :meth:`run`, and ``AssertionError`` if it still suspends after a thousand calls.
        """
        context = dict(context or {})
        for _ in range(_MOST_CALLS):
            ended = self.run(block, config, input, context)
            if not ended.suspended:
                return ended
            context["state"] = ended.state
        raise AssertionError("the block suspends without end")

    def log(self, level: str, message: str, fields: Mapping[str, Any]) -> None:
        self.logs.append(LogLine(level, message, dict(fields)))

    def progress(self, percent: float, message: str) -> None:
        self.reports.append((percent, message))

    def secret(self, name: str) -> None:
        if name in self._secrets:
            return
        if name in self._unset:
            raise SecretNotSet(f"the secret `{name}` has no value")
        raise SecretNotGranted(f"the secret `{name}` is not granted; see testing.Host")

    def reveal(self, secret: Secret) -> str:
        self.secret(secret.name)
        return f"text of {secret.name}"

    def send_all(self, requests: Sequence[Request]) -> list[Response | HttpError]:
        return [self._answer(request, len(requests)) for request in requests]

    def _answer(self, request: Request, together: int) -> Response | HttpError:
        credentials: list[tuple[str, str, str]] = [
            (each.secret.name, each.kind, each.name) for each in request.credentials
        ]
        sent = Sent(
            request.method, request.url, request.headers, request.body, request.timeout_ms, credentials, together
        )
        self.sent.append(sent)
        recorded = self._replay.answer(sent.method, sent.url, sent.body)
        if recorded is not None:
            return recorded
        if self._respond is not None:
            return self._respond(sent)
        body = (sent.body or b"").decode("utf-8", "replace")
        return NotRecorded(f"no exchange answers {sent.method} {sent.url} {body}".rstrip())


def check_examples(block: Block) -> None:
    """Runs every example of the manifest and compares all ports. Requests are answered from the example's exchanges
    and from nothing else; the manifest's secrets are granted, and its settings have their example values.

    Raises ``AssertionError`` if one gives something else than it documents, or there are none.
    """
    examples = block.manifest.get("examples", [])
    assert examples, "the manifest has no examples"
    for example in examples:
        check_case(block, example)


def check_cases(block: Block, folder: Path | str) -> None:
    """Runs the files ``*.json`` of a folder, as ``blockyard block test`` does in the real runtime: each is
    ``{name, config, input, outputs | error: {code}, exchanges?, variables?, settings?}``.

    Raises ``AssertionError`` if one gives something else, or there are none.
    """
    files = sorted(Path(folder).glob("*.json"))
    assert files, f"there are no cases in {folder}"
    for file in files:
        check_case(block, json.loads(file.read_text(encoding="utf-8")))


def check_case(block: Block, case: Mapping[str, Any]) -> None:
    """Runs one example or case.

    Raises ``AssertionError`` if it gives something else than it says.
    """
    name = case["name"]
    host = Host(exchanges=case.get("exchanges", ()), secrets=[slot.name for slot in block.description.secrets])
    settings = {setting.name: setting.example for setting in block.description.settings if setting.example}
    context = {"variables": case.get("variables", {}), "settings": {**settings, **case.get("settings", {})}}
    expected_code = case.get("error", {}).get("code")
    try:
        ended = host.run_to_end(block, case["config"], case["input"], context)
    except AssertionError:
        raise
    except Exception as error:
        failure = failure_of(error)
        if failure.code != expected_code:
            raise AssertionError(f"`{name}` failed with {failure.code}: {failure.message}") from error
        return
    assert expected_code is None, f"`{name}` gave {ended.outputs} instead of the error {expected_code}"
    assert ended.outputs == case["outputs"], f"`{name}` gave {ended.outputs} instead of {case['outputs']}"
