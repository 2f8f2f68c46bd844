import unittest
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from blockyard_sdk import Field
from blockyard_sdk.types import Misfit, decode, schema_of


@dataclass
class Tree:
    """A tree of
    names."""

    name: str
    children: list["Tree"] = field(default_factory=list)


@dataclass
class Config:
    limit: Annotated[int, Field(doc="How many.", minimum=1, maximum=9)]
    base_url: Annotated[str, Field(name="baseUrl")] = "https://a.example"
    kind: Literal["a", "b", 3] = "a"
    note: str | None = None
    weights: dict[str, float] = field(default_factory=dict)
    tree: Tree | None = None
    code: Annotated[str, Field(expression=True)] = ""
    anything: Any = None


class SchemaTest(unittest.TestCase):
    def test_a_dataclass_becomes_a_closed_object(self) -> None:
        schema = schema_of(Config, closed=True)
        self.assertEqual(schema["required"], ["limit"])
        self.assertIs(schema["additionalProperties"], False)
        properties = schema["properties"]
        self.assertEqual(
            properties["limit"], {"type": "integer", "description": "How many.", "minimum": 1, "maximum": 9}
        )
        self.assertEqual(properties["baseUrl"], {"type": "string", "default": "https://a.example"})
        self.assertEqual(properties["kind"], {"enum": ["a", "b", 3], "default": "a"})
        self.assertEqual(properties["note"], {"type": ["string", "null"]})
        self.assertEqual(
            properties["weights"], {"type": "object", "additionalProperties": {"type": "number"}, "default": {}}
        )
        self.assertEqual(properties["code"], {"type": "string", "x-expression": True, "default": ""})
        self.assertIs(properties["anything"], True)

    def test_a_type_may_contain_itself(self) -> None:
        schema = schema_of(Config, closed=False)
        self.assertEqual(schema["properties"]["tree"], {"anyOf": [{"$ref": "#/$defs/Tree"}, {"type": "null"}]})
        tree = schema["$defs"]["Tree"]
        self.assertEqual(tree["description"], "A tree of names.")
        self.assertEqual(tree["properties"]["children"]["items"], {"$ref": "#/$defs/Tree"})
        self.assertNotIn("additionalProperties", tree)

    def test_plain_annotations(self) -> None:
        self.assertIs(schema_of(Any, closed=True), True)
        self.assertEqual(schema_of(list[int | str], closed=True)["items"], {"type": ["integer", "string"]})
        for annotation in (set[int], dict[int, str], bytes):
            with self.assertRaises(TypeError):
                schema_of(annotation, closed=True)


class DecodeTest(unittest.TestCase):
    def test_values_of_all_types(self) -> None:
        value = {
            "limit": 3.0,
            "baseUrl": "x",
            "kind": 3,
            "weights": {"a": 1},
            "tree": {"name": "r", "children": [{"name": "c"}]},
        }
        config = decode(value, Config, closed=True)
        self.assertEqual(config, Config(3, "x", 3, None, {"a": 1.0}, Tree("r", [Tree("c")])))
        self.assertIs(type(config.limit), int)
        self.assertIs(type(config.weights["a"]), float)

    def test_what_does_not_fit_is_pointed_at(self) -> None:
        for value, pointer, message in [
            ({}, "", "`limit` is missing"),
            ([], "", "it is a list instead of an object"),
            ({"limit": True}, "/limit", "it is a boolean instead of a whole number"),
            ({"limit": 1.5}, "/limit", "it is a number instead of a whole number"),
            ({"limit": 1, "kind": "c"}, "/kind", "it is none of 'a', 'b', 3"),
            ({"limit": 1, "kind": 3.0}, "/kind", "it is none of 'a', 'b', 3"),
            ({"limit": 1, "note": 2}, "/note", "it is a number instead of a string"),
            ({"limit": 1, "weights": {"a/~": "x"}}, "/weights/a~1~0", "it is a string instead of a number"),
            ({"limit": 1, "tree": {"name": "r", "children": [{}]}}, "/tree/children/0", "`name` is missing"),
            ({"limit": 1, "limitt": 1}, "/limitt", "there is no such member"),
        ]:
            with self.subTest(value=value), self.assertRaises(Misfit) as raised:
                decode(value, Config, closed=True)
            self.assertEqual((raised.exception.pointer, raised.exception.message), (pointer, message))

    def test_an_open_object_ignores_unknown_members(self) -> None:
        self.assertEqual(decode({"name": "r", "more": 1}, Tree, closed=False), Tree("r"))
