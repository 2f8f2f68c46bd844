"""A function that is a block."""

from __future__ import annotations

import functools
import inspect
import json
import operator
import sys
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints

from .context import Context
from .failure import BlockFailure, invalid_config, invalid_input
from .manifest import Manifest, Port
from .outcome import DEFAULT_PORT, Outputs, Suspend
from .text import clean, dumps
from .types import Misfit, decode, schema_of

_SDK = __file__.rpartition("/")[0]
_MOST_PLACES = 30

Execute = Callable[[Any, Any, Context], Any]


@dataclass(frozen=True)
class Done:
    """A finished call, as the host gets it: JSON text by port, in the order of emission."""

    emissions: Mapping[str, str]
    metadata: str | None = None


@dataclass(frozen=True)
class Suspended:
    """A call that wants to be called again, as the host gets it."""

    after_ms: int
    state: str


class Block:
    """A block: its manifest, and what runs. Made by :func:`block`; calling it calls ``execute`` itself."""

    def __init__(self, manifest: Manifest, execute: Execute) -> None:
        self.description = manifest
        self.execute = execute
        parameters = list(inspect.signature(execute).parameters)
        if len(parameters) != 3:
            raise TypeError("execute takes a config, an input and a context")
        hints = get_type_hints(execute, include_extras=True)
        self._config: Any = hints.get(parameters[0], Any)
        self._input: Any = hints.get(parameters[1], Any)
        self.outputs: list[Port] = list(manifest.outputs) or [Port(DEFAULT_PORT, type=_returned(hints.get("return")))]
        self.manifest: dict[str, Any] = manifest.to_json(
            schema_of(self._config, closed=True), schema_of(self._input, closed=False), self.outputs
        )

    def __call__(self, config: Any, input: Any, context: Context) -> Any:
        return self.execute(config, input, context)

    def call(self, config: str, input: str, context: str) -> Done | Suspended:
        """Runs once, from the host's three texts to the texts that it gets.

        Raises ``BlockFailure``, and whatever else ``execute`` raises.
        """
        return self.call_with(config, input, Context.from_json(context))

    def call_with(self, config: str, input: str, context: Context) -> Done | Suspended:
        """As :meth:`call`, with a context that was read already."""
        try:
            decoded_config = decode(_parsed(config), self._config, closed=True)
        except Misfit as misfit:
            raise invalid_config(misfit.pointer, misfit.message) from misfit
        try:
            decoded_input = decode(_parsed(input), self._input, closed=False)
        except Misfit as misfit:
            raise invalid_input(misfit.pointer, misfit.message) from misfit
        return self._ended(self.execute(decoded_config, decoded_input, context))

    def _ended(self, result: Any) -> Done | Suspended:
        if isinstance(result, Suspend):
            return Suspended(result.after_ms, dumps(result.state, "the state"))
        if not isinstance(result, Outputs):
            result = Outputs({self.outputs[0].port: result})
        emissions = {port: dumps(data, f"the output `{port}`") for port, data in result.ports.items()}
        return Done(emissions, None if result.metadata is None else dumps(result.metadata, "the metadata"))


def block(manifest: Manifest) -> Callable[[Execute], Block]:
    """Makes a block of a function ``execute(config, input, context)``. A project has one, in the module that is built.

    The annotations of ``config`` and ``input`` become the manifest's schemas, and what the host passes is decoded to
    them; members that a config does not declare are refused. What the function returns leaves by the default port,
    unless it is ``Outputs`` or ``Suspend``. Raising ``BlockFailure`` ends the call with that failure, any other
    exception with the code ``exception``, its message, and the stack in the details.
    """
    return lambda execute: Block(manifest, execute)


def failure_of(error: BaseException) -> BlockFailure:
    """The failure that an exception ends a call with."""
    if isinstance(error, BlockFailure):
        return error
    message = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return BlockFailure("exception", clean(message), details={"stack": [clean(line) for line in _stack(error)]})


def _stack(error: BaseException) -> list[str]:
    """The places from the outermost call of the block to the one that raised, and the same of what caused it. The
    standard library's own formatting would open the source files, which a component has not."""
    places = []
    at = error.__traceback__
    while at is not None:
        code = at.tb_frame.f_code
        if not code.co_filename.startswith(_SDK):
            places.append(f"{_shortened(code.co_filename)}:{at.tb_lineno} in {code.co_qualname}")
        at = at.tb_next
    cause = error.__cause__
    if cause is not None and cause is not error:
        places += [f"caused by {type(cause).__name__}: {cause}", *_stack(cause)]
    half = _MOST_PLACES // 2
    return places if len(places) <= _MOST_PLACES else [*places[:half], "...", *places[-half:]]


def _shortened(file: str) -> str:
    """A file's name below the folder that it was imported from."""
    folders = [folder for folder in sys.path if folder and file.startswith(f"{folder}/")]
    return file[len(max(folders, key=len)) + 1 :] if folders else file


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise Misfit("", f"it is no JSON: {error}") from error


def _returned(annotation: Any) -> Any:
    """What a function returns for its default port: its annotation without ``Outputs`` and ``Suspend``."""
    if annotation is None:
        return Any
    if get_origin(annotation) in (Union, types.UnionType):
        data = [each for each in get_args(annotation) if each not in (Outputs, Suspend)]
        return functools.reduce(operator.or_, data) if data else Any
    return Any if annotation in (Outputs, Suspend) else annotation
