"""What a block is and what it asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .types import schema_of


@dataclass(frozen=True)
class Port:
    """An output port. ``type`` is the annotation of what leaves there, from which its schema is derived."""

    port: str
    description: str = ""
    type: Any = Any

    def to_json(self) -> dict[str, Any]:
        return _given(
            {"port": self.port, "description": self.description, "schema": schema_of(self.type, closed=False)}
        )


@dataclass(frozen=True)
class SecretSlot:
    """A secret that the block may ask for. ``optional``: the block also works without it."""

    name: str
    description: str
    optional: bool = False

    def to_json(self) -> dict[str, Any]:
        return _given({"name": self.name, "description": self.description, "optional": self.optional})


@dataclass(frozen=True)
class Setting:
    """A plain value of the installation, given in ``context.settings``. ``example`` is its value in the modes ``demo``
    and ``test`` where the installation has none."""

    name: str
    description: str
    optional: bool = False
    example: str = ""

    def to_json(self) -> dict[str, Any]:
        values = {
            "name": self.name,
            "description": self.description,
            "optional": self.optional,
            "example": self.example,
        }
        return _given(values)


@dataclass(frozen=True)
class HttpRule:
    """A place on the network that the block wants to go to.

    Either ``host``, an exact name or ``*.`` and a domain, or ``host_from``: ``config:`` and a JSON pointer into the
    config, or ``setting:`` and the name of a setting. ``secrets`` may be placed into requests that go there.
    """

    host: str = ""
    host_from: str = ""
    scheme: str = ""
    port: int | None = None
    methods: Sequence[str] = ()
    path_prefix: str = ""
    secrets: Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        return _given(
            {
                "host": self.host,
                "hostFrom": self.host_from,
                "scheme": self.scheme,
                "port": self.port,
                "methods": list(self.methods),
                "pathPrefix": self.path_prefix,
                "secrets": list(self.secrets),
            }
        )


@dataclass(frozen=True)
class Limits:
    """What a call would like; the operator's ceilings hold. Times in milliseconds; ``cpu_ms`` is time inside of the
    guest only, and ``memory_bytes`` starts at some 25 MB for Python itself."""

    timeout_ms: int | None = None
    cpu_ms: int | None = None
    memory_bytes: int | None = None

    def to_json(self) -> dict[str, Any]:
        return _given({"timeoutMs": self.timeout_ms, "cpuMs": self.cpu_ms, "memoryBytes": self.memory_bytes})


@dataclass(frozen=True)
class Example:
    """A call with its result, for people, for tests and for the mode ``demo``. ``outputs`` is the data of each port
    that fires; ``exchanges`` are recorded HTTP, from which it is answered."""

    name: str
    config: Any
    input: Any
    outputs: Mapping[str, Any]
    exchanges: Sequence[Mapping[str, Any]] = ()

    def to_json(self) -> dict[str, Any]:
        example = {"name": self.name, "config": self.config, "input": self.input, "outputs": dict(self.outputs)}
        return {**example, "exchanges": [dict(each) for each in self.exchanges]} if self.exchanges else example


def load_examples(module_file: str, name: str = "examples.json") -> list[Example]:
    """The examples of a JSON file beside a module: ``load_examples(__file__)``.

    Files are there while the component is built, when the block's modules are imported, and never in a call.
    """
    text = Path(module_file).with_name(name).read_text(encoding="utf-8")
    return [Example(**each) for each in json.loads(text)]


@dataclass(frozen=True)
class Manifest:
    """What a block is. The SDK adds the schemas, from the annotations of ``execute``.

    ``type`` is ``category.name``, lower-case with digits and dashes, by convention ``custom.something``; ``version``
    is semver. ``outputs`` are the ports, the first of them the default; a block without them has one, ``output``.
    ``stateless`` says that no call leaves anything behind that a later one could see, so that the host may reuse the
    instance: module-level variables that a call changes are such a thing.
    """

    type: str
    version: str
    name: str
    description: str = ""
    category: str = ""
    outputs: Sequence[Port] = ()
    secrets: Sequence[SecretSlot] = ()
    settings: Sequence[Setting] = ()
    http: Sequence[HttpRule] = ()
    limits: Limits = field(default_factory=Limits)
    stateless: bool = False
    examples: Sequence[Example] = ()

    def to_json(self, config_schema: Any, input_schema: Any, outputs: Sequence[Port]) -> dict[str, Any]:
        """The document that the host reads (``wit/manifest.schema.json``)."""
        required = {
            "type": self.type,
            "version": self.version,
            "name": self.name,
            "configSchema": config_schema,
            "inputSchema": input_schema,
            "outputs": [port.to_json() for port in outputs],
        }
        optional = {
            "description": self.description,
            "category": self.category,
            "secrets": [slot.to_json() for slot in self.secrets],
            "settings": [setting.to_json() for setting in self.settings],
            "http": [rule.to_json() for rule in self.http],
            "limits": self.limits.to_json(),
            "stateless": self.stateless,
            "examples": [example.to_json() for example in self.examples],
        }
        return {**required, **_given(optional)}


def _given(values: dict[str, Any]) -> dict[str, Any]:
    """Without the members that say nothing."""
    return {name: value for name, value in values.items() if value}
