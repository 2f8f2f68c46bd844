"""Write blocks for Blockyard in Python.

A block is a function with a configuration, an input and a context. The SDK derives the JSON Schemas from its
annotations, decodes what the host passes, says by JSON pointer what does not fit, and exports the component::

    from dataclasses import dataclass
    from typing import Annotated

    from blockyard_sdk import BlockFailure, Context, Example, Field, Manifest, block

    @dataclass
    class Config:
        greeting: Annotated[str, Field(doc="What to put before the name.")] = "Hello"

    @dataclass
    class Person:
        name: str

    @dataclass
    class Greeting:
        text: str

    @block(
        Manifest(
            type="custom.greeter",
            version="1.0.0",
            name="Greeter",
            stateless=True,
            examples=[Example("By name", {}, {"name": "Ada"}, {"output": {"text": "Hello, Ada!"}})],
        )
    )
    def execute(config: Config, person: Person, context: Context) -> Greeting:
        if not person.name:
            raise BlockFailure("invalid-input", "the name is empty")
        return Greeting(f"{config.greeting}, {person.name}!")

``python -m blockyard_sdk.build`` makes the component; :mod:`blockyard_sdk.testing` runs the block in plain tests.
:mod:`blockyard_sdk.sandbox` says what Python has not inside of a component.
"""

from . import codes, http, log
from .definition import Block, block
from .context import Context
from .failure import BlockFailure, invalid_config, invalid_input
from .manifest import Example, HttpRule, Limits, Manifest, Port, SecretSlot, Setting, load_examples
from .outcome import Outputs, Suspend
from ._progress import progress
from .secrets import Secret, SecretError, SecretNotGranted, SecretNotSet, optional_secret, secret
from .types import Field

__all__ = [
    "Block",
    "BlockFailure",
    "Context",
    "Example",
    "Field",
    "HttpRule",
    "Limits",
    "Manifest",
    "Outputs",
    "Port",
    "Secret",
    "SecretError",
    "SecretNotGranted",
    "SecretNotSet",
    "SecretSlot",
    "Setting",
    "Suspend",
    "block",
    "codes",
    "http",
    "invalid_config",
    "invalid_input",
    "load_examples",
    "log",
    "optional_secret",
    "progress",
    "secret",
]
