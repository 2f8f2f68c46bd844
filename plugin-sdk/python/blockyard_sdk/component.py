"""The component's side of the WIT world. Used by :mod:`blockyard_sdk.build` only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import componentize_py_types as wit_types
from wit_world.exports import block as wit
from wit_world.imports import http as wit_http
from wit_world.imports import log as wit_log
from wit_world.imports import progress as wit_progress
from wit_world.imports import secrets as wit_secrets

try:
    from wit_world.imports import secrets_reveal as wit_reveal
except ImportError:
    # The world is the one of blocks that see no secret's text.
    wit_reveal = None

from . import _host, http, sandbox
from .definition import Block, Done, Suspended, failure_of
from .context import Context
from .failure import BlockFailure
from .secrets import Credential, Secret, SecretError, SecretNotGranted, SecretNotSet
from .text import clean, dumps

_MAX_U64 = 2**64 - 1
_MAX_U32 = 2**32 - 1


def export(block: Block) -> type:
    """The class that exports ``block`` to the host.

    Raises ``RuntimeError`` if it uses a world that it was not built for.
    """
    if wit_reveal is None and "blockyard_sdk.reveal" in sys.modules:
        raise RuntimeError("a block with blockyard_sdk.reveal has `reveal = true` under [tool.blockyard]")
    manifest = dumps(block.manifest, "the manifest")

    class Exported:
        def manifest(self) -> str:
            return manifest

        def execute(self, config: str, input: str, context: str) -> Any:
            try:
                return _outcome(_call(block, config, input, context))
            # Whatever left the block: past this line its message would be lost in a trap.
            except BaseException as error:
                raise wit_types.Err(_failure(failure_of(error))) from None

    _host.push(_Imports())
    return Exported


def _call(block: Block, config: str, input: str, context: str) -> Done | Suspended:
    read = Context.from_json(context)
    sandbox.begin_call(read.idempotency_key, lambda level, line: _host.current().log(level, line, {}))
    try:
        return block.call_with(config, input, read)
    finally:
        sandbox.end_call()


def _outcome(ended: Done | Suspended) -> Any:
    if isinstance(ended, Suspended):
        return wit.Outcome_Suspend(wit.Suspension(min(ended.after_ms, _MAX_U64), ended.state))
    emissions = [wit.Emission(clean(port), data) for port, data in ended.emissions.items()]
    return wit.Outcome_Done(wit.Output(emissions, ended.metadata))


def _failure(failure: BlockFailure) -> Any:
    after_ms = failure.retry_after_ms
    retry = wit.RetryHint(None if after_ms is None else min(after_ms, _MAX_U64)) if failure.retry else None
    details = None
    if failure.details:
        try:
            details = dumps(failure.details, "the details")
        except BlockFailure as unwritable:
            details = dumps({"unwritable": unwritable.message})
    return wit.Failure(clean(str(failure.code)), clean(str(failure.message)), retry, details)


class _Imports:
    """The component's imports."""

    def log(self, level: str, message: str, fields: Mapping[str, Any]) -> None:
        written = dumps(fields, "the fields of a log line") if fields else None
        wit_log.log(wit_log.Level[level.upper()], clean(message), written)

    def progress(self, percent: float, message: str) -> None:
        wit_progress.report(min(max(percent, 0.0), 100.0), clean(message))

    def secret(self, name: str) -> Any:
        try:
            return wit_secrets.get(clean(name))
        except wit_types.Err as error:
            raise _secret_error(error.value) from None

    def reveal(self, secret: Secret) -> str:
        try:
            text: str = wit_reveal.reveal(secret.handle)
        except wit_types.Err as error:
            raise _secret_error(error.value) from None
        return text

    def send_all(self, requests: Sequence[http.Request]) -> list[http.Response | http.HttpError]:
        answers = wit_http.send_all([_outgoing(request) for request in requests])
        return [
            _response(answer.value) if isinstance(answer, wit_types.Ok) else _http_error(answer.value)
            for answer in answers
        ]


def _outgoing(request: http.Request) -> Any:
    return wit_http.Outgoing(
        wit_http.Request(
            clean(request.method),
            clean(request.url),
            [wit_http.Header(clean(name), clean(value)) for name, value in request.headers],
            request.body,
            None if request.timeout_ms is None else min(max(int(request.timeout_ms), 0), _MAX_U32),
        ),
        [wit_http.Credential(each.secret.handle, _placement(each)) for each in request.credentials],
    )


def _placement(credential: Credential) -> Any:
    if credential.kind == "bearer":
        return wit_http.Placement_Bearer()
    if credential.kind == "header":
        return wit_http.Placement_Header(wit_http.HeaderPlacement(credential.name, credential.prefix))
    if credential.kind == "query":
        return wit_http.Placement_Query(credential.name)
    return wit_http.Placement_Basic(credential.name)


def _response(response: Any) -> http.Response:
    return http.Response(response.status, [(each.name, each.value) for each in response.headers], response.body)


def _http_error(error: Any) -> http.HttpError:
    if isinstance(error, wit_http.HttpError_Timeout):
        return http.Timeout()
    errors: dict[type, Callable[[Any], http.HttpError]] = {
        wit_http.HttpError_InvalidRequest: http.InvalidRequest,
        wit_http.HttpError_Denied: http.Denied,
        wit_http.HttpError_Limited: http.Limited,
        wit_http.HttpError_Transport: http.TransportError,
        wit_http.HttpError_TooLarge: http.TooLarge,
        wit_http.HttpError_NotRecorded: http.NotRecorded,
    }
    return errors.get(type(error), http.OtherError)(error.value)


def _secret_error(error: Any) -> SecretError:
    if isinstance(error, wit_secrets.SecretError_NotGranted):
        return SecretNotGranted(error.value)
    if isinstance(error, wit_secrets.SecretError_NotSet):
        return SecretNotSet(error.value)
    return SecretError("internal", error.value)
