"""What a type annotation says: JSON Schema of it, and values of it out of JSON.

Understood are ``str``, ``int``, ``float``, ``bool``, ``None``, ``Any``, ``list[T]``, ``dict[str, T]``, ``Literal``,
unions such as ``T | None``, and dataclasses of these. ``Annotated[T, Field(...)]`` adds what a type cannot say.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

_PRIMITIVES: dict[Any, str] = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


@dataclass(frozen=True)
class Field:
    """What a schema says about a value beside its type. The host checks it before a call; the SDK itself checks types.

    ``name`` is the member's name in JSON, where it is not the attribute's. ``expression`` marks a string of the
    config that the host must not fill in as a template.
    """

    doc: str | None = None
    name: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None
    format: str | None = None
    min_items: int | None = None
    max_items: int | None = None
    expression: bool = False

    def keywords(self) -> dict[str, Any]:
        """The JSON Schema keywords."""
        given = {
            "description": self.doc,
            "minimum": self.minimum,
            "maximum": self.maximum,
            "minLength": self.min_length,
            "maxLength": self.max_length,
            "pattern": self.pattern,
            "format": self.format,
            "minItems": self.min_items,
            "maxItems": self.max_items,
            "x-expression": self.expression or None,
        }
        return {keyword: value for keyword, value in given.items() if value is not None}


class Misfit(Exception):
    """A value that is not of its type. ``pointer`` is a JSON pointer to it."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(message)
        self.pointer = pointer
        self.message = message


@dataclass(frozen=True)
class _Member:
    attribute: str
    name: str
    type: Any
    field: Field
    default: Any

    @property
    def required(self) -> bool:
        return self.default is dataclasses.MISSING


def schema_of(annotation: Any, *, closed: bool) -> Any:
    """JSON Schema 2020-12 of an annotation; ``True`` for ``Any``. ``closed`` refuses unknown members of objects.

    Raises ``TypeError`` for an annotation that JSON has no word for.
    """
    schemas = _Schemas(closed)
    schema = schemas.object(annotation) if dataclasses.is_dataclass(annotation) else schemas.of(annotation)
    if schemas.definitions and isinstance(schema, dict):
        schema["$defs"] = schemas.definitions
    return schema


def decode(value: Any, annotation: Any, *, closed: bool, pointer: str = "") -> Any:
    """A value of the annotated type out of parsed JSON.

    Raises ``Misfit`` with the place of the first value that does not fit.
    """
    annotation, _ = _unwrap(annotation)
    origin = get_origin(annotation)
    if annotation is Any or annotation is object:
        return value
    if origin is Literal:
        choices = get_args(annotation)
        for choice in choices:
            if type(choice) is type(value) and choice == value:
                return choice
        raise Misfit(pointer, f"it is none of {', '.join(repr(choice) for choice in choices)}")
    if origin in (Union, types.UnionType):
        return _decode_union(value, get_args(annotation), closed, pointer)
    if annotation in _PRIMITIVES:
        return _decode_primitive(value, annotation, pointer)
    if annotation is list or origin is list:
        _expect(value, list, "a list", pointer)
        (item,) = get_args(annotation) or (Any,)
        return [decode(each, item, closed=closed, pointer=f"{pointer}/{at}") for at, each in enumerate(value)]
    if annotation is dict or origin is dict:
        _expect(value, dict, "an object", pointer)
        _, item = get_args(annotation) or (str, Any)
        return {
            name: decode(each, item, closed=closed, pointer=f"{pointer}/{_escape(name)}")
            for name, each in value.items()
        }
    if dataclasses.is_dataclass(annotation):
        return _decode_object(value, annotation, closed, pointer)
    raise TypeError(f"{annotation!r} cannot be read from JSON")


class _Schemas:
    """Schemas of nested dataclasses are named, so that a type may contain itself."""

    def __init__(self, closed: bool) -> None:
        self.closed = closed
        self.definitions: dict[str, Any] = {}

    def of(self, annotation: Any) -> Any:
        annotation, field = _unwrap(annotation)
        schema = self._plain(annotation)
        keywords = field.keywords()
        if not keywords:
            return schema
        return {**({} if schema is True else schema), **keywords}

    def _plain(self, annotation: Any) -> Any:
        origin = get_origin(annotation)
        if annotation is Any or annotation is object:
            return True
        if annotation in _PRIMITIVES:
            return {"type": _PRIMITIVES[annotation]}
        if origin is Literal:
            return {"enum": list(get_args(annotation))}
        if origin in (Union, types.UnionType):
            return self._union([self.of(each) for each in get_args(annotation)])
        if annotation is list or origin is list:
            (item,) = get_args(annotation) or (Any,)
            return {"type": "array", "items": self.of(item)}
        if annotation is dict or origin is dict:
            key, item = get_args(annotation) or (str, Any)
            if key is not str:
                raise TypeError(f"{annotation!r}: members of a JSON object have names")
            return {"type": "object", "additionalProperties": self.of(item)}
        if dataclasses.is_dataclass(annotation):
            name = getattr(annotation, "__name__", "object")
            if name not in self.definitions:
                self.definitions[name] = {}
                self.definitions[name].update(self.object(annotation))
            return {"$ref": f"#/$defs/{name}"}
        raise TypeError(f"{annotation!r} has no JSON Schema")

    def _union(self, schemas: list[Any]) -> Any:
        if all(isinstance(schema, dict) and set(schema) == {"type"} for schema in schemas):
            return {"type": [schema["type"] for schema in schemas]}
        return {"anyOf": schemas}

    def object(self, annotation: Any) -> dict[str, Any]:
        properties: dict[str, Any] = {}
        required = []
        for member in _members(annotation):
            schema = self.of(member.type)
            if member.required:
                required.append(member.name)
            elif member.default is not None and not dataclasses.is_dataclass(member.default):
                schema = {**({} if schema is True else schema), "default": member.default}
            properties[member.name] = schema
        schema = {"type": "object", "properties": properties}
        if required:
            schema["required"] = required
        if self.closed:
            schema["additionalProperties"] = False
        doc = _doc(annotation)
        return {"description": doc, **schema} if doc else schema


def member_names(annotation: Any) -> Iterator[tuple[str, str]]:
    """Attribute and JSON name of a dataclass's members."""
    return ((member.attribute, member.name) for member in _members(annotation))


def _members(annotation: Any) -> Iterator[_Member]:
    hints = get_type_hints(annotation, include_extras=True)
    for each in dataclasses.fields(annotation):
        if not each.init:
            continue
        _, field = _unwrap(hints[each.name])
        default = each.default
        if each.default_factory is not dataclasses.MISSING:
            default = each.default_factory()
        yield _Member(each.name, field.name or each.name, hints[each.name], field, default)


def _unwrap(annotation: Any) -> tuple[Any, Field]:
    if get_origin(annotation) is not Annotated:
        return annotation, Field()
    bare, *extras = get_args(annotation)
    return bare, next((extra for extra in extras if isinstance(extra, Field)), Field())


def _doc(annotation: Any) -> str | None:
    doc = (annotation.__doc__ or "").strip()
    # Without a docstring, a dataclass gets its own signature as one.
    generated = doc.startswith(f"{annotation.__name__}(")
    return None if generated or not doc else " ".join(doc.split())


def _decode_union(value: Any, choices: tuple[Any, ...], closed: bool, pointer: str) -> Any:
    if value is None and type(None) in choices:
        return None
    misfits = []
    for choice in choices:
        if choice is type(None):
            continue
        try:
            return decode(value, choice, closed=closed, pointer=pointer)
        except Misfit as misfit:
            misfits.append(misfit)
    # The choice that came furthest is the one that was meant.
    raise max(misfits, key=lambda misfit: misfit.pointer.count("/"))


def _decode_primitive(value: Any, annotation: Any, pointer: str) -> Any:
    if annotation is float and type(value) in (int, float):
        return float(value)
    if annotation is int and type(value) is float and value.is_integer():
        return int(value)
    if type(value) is not annotation:
        raise Misfit(pointer, f"it is {_kind(value)} instead of {_kind_of_type(annotation)}")
    return value


def _decode_object(value: Any, annotation: Any, closed: bool, pointer: str) -> Any:
    _expect(value, dict, "an object", pointer)
    known = {}
    names = set()
    for member in _members(annotation):
        names.add(member.name)
        if member.name in value:
            at = f"{pointer}/{_escape(member.name)}"
            known[member.attribute] = decode(value[member.name], member.type, closed=closed, pointer=at)
        elif member.required:
            raise Misfit(pointer, f"`{member.name}` is missing")
    if closed:
        for name in value:
            if name not in names:
                raise Misfit(f"{pointer}/{_escape(name)}", "there is no such member")
    return annotation(**known)


def _expect(value: Any, kind: type, words: str, pointer: str) -> None:
    if not isinstance(value, kind):
        raise Misfit(pointer, f"it is {_kind(value)} instead of {words}")


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    kinds = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object"}
    return kinds.get(type(value), type(value).__name__)


def _kind_of_type(annotation: Any) -> str:
    kinds = {str: "a string", int: "a whole number", float: "a number", bool: "a boolean"}
    return kinds.get(annotation, "null")


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
