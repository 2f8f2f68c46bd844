import unittest
from dataclasses import dataclass
from typing import Any

from blockyard_sdk import (
    BlockFailure,
    Context,
    Example,
    HttpRule,
    Limits,
    Manifest,
    Outputs,
    Port,
    SecretSlot,
    Setting,
    Suspend,
    block,
    log,
    progress,
)
from blockyard_sdk.definition import failure_of
from blockyard_sdk.testing import Host, check_case, check_examples


@dataclass
class Config:
    times: int = 2


@dataclass
class Word:
    text: str


@block(
    Manifest(
        type="custom.repeat",
        version="1.0.0",
        name="Repeat",
        secrets=[SecretSlot("k", "a key", optional=True)],
        settings=[Setting("url", "a place", example="https://a.example")],
        http=[HttpRule(host_from="setting:url", methods=["GET"], secrets=["k"])],
        limits=Limits(timeout_ms=500),
        examples=[Example("Twice", {}, {"text": "a"}, {"output": {"text": "aa"}})],
    )
)
def repeat(config: Config, word: Word, context: Context) -> Word | Suspend:
    return Word(word.text * config.times)


def made_of(returned: Any) -> Any:
    @block(Manifest("custom.x", "1.0.0", "X", outputs=[Port("a"), Port("b")]))
    def execute(config: Any, input: Any, context: Context) -> Any:
        if isinstance(returned, Exception):
            raise returned
        return returned(input, context) if callable(returned) else returned

    return execute


class ManifestTest(unittest.TestCase):
    def test_schemas_come_from_the_annotations(self) -> None:
        self.assertEqual(
            repeat.manifest,
            {
                "type": "custom.repeat",
                "version": "1.0.0",
                "name": "Repeat",
                "configSchema": {
                    "type": "object",
                    "properties": {"times": {"type": "integer", "default": 2}},
                    "additionalProperties": False,
                },
                "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
                "outputs": [
                    {
                        "port": "output",
                        "schema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
                    }
                ],
                "secrets": [{"name": "k", "description": "a key", "optional": True}],
                "settings": [{"name": "url", "description": "a place", "example": "https://a.example"}],
                "http": [{"hostFrom": "setting:url", "methods": ["GET"], "secrets": ["k"]}],
                "limits": {"timeoutMs": 500},
                "examples": [
                    {"name": "Twice", "config": {}, "input": {"text": "a"}, "outputs": {"output": {"text": "aa"}}}
                ],
            },
        )

    def test_a_function_of_another_shape_is_refused(self) -> None:
        with self.assertRaises(TypeError):
            block(Manifest("custom.x", "1.0.0", "X"))(lambda config: None)  # type: ignore


class CallTest(unittest.TestCase):
    def test_the_examples_hold(self) -> None:
        check_examples(repeat)

    def test_config_and_input_that_do_not_fit_are_failures(self) -> None:
        for config, input, code, pointer in [
            ({"times": "x"}, {"text": "a"}, "invalid-config", "/times"),
            ({"more": 1}, {"text": "a"}, "invalid-config", "/more"),
            ({}, {}, "invalid-input", ""),
        ]:
            with self.assertRaises(BlockFailure) as raised:
                Host().run(repeat, config, input)
            self.assertEqual((raised.exception.code, raised.exception.details["pointer"]), (code, pointer))

    def test_data_leaves_by_the_first_port_or_by_name(self) -> None:
        self.assertEqual(Host().run(made_of([Word("x"), (1, None)]), {}, 0).outputs, {"a": [{"text": "x"}, [1, None]]})
        ended = Host().run(made_of(Outputs({"b": 1}, metadata={"n": 2})), {}, 0)
        self.assertEqual((ended.outputs, ended.metadata), ({"b": 1}, {"n": 2}))

    def test_a_suspended_call_gets_its_state_back(self) -> None:
        counting = made_of(lambda input, context: Suspend(5, (context.state or 0) + 1) if context.state != 3 else "end")
        ended = Host().run(counting, {}, 0)
        self.assertEqual((ended.suspended, ended.after_ms, ended.state), (True, 5, 1))
        self.assertEqual(Host().run_to_end(counting, {}, 0).outputs, {"a": "end"})

    def test_what_is_no_json_is_the_block_s_own_fault(self) -> None:
        for value in (float("nan"), {1, 2}, object()):
            with self.assertRaises(BlockFailure) as raised:
                Host().run(made_of({"x": value}), {}, 0)
            self.assertEqual(raised.exception.code, "internal")
        self.assertEqual(Host().run(made_of("\ud800x"), {}, 0).outputs, {"a": "?x"})

    def test_context_log_and_progress_go_through(self) -> None:
        def look(input: Any, context: Context) -> Any:
            log.warn("seen", at=1)
            progress(50, "half")
            return [context.attempt, context.variables, context.settings, context.item_index]

        host = Host()
        ended = host.run(made_of(look), {}, 0, {"attempt": 2, "variables": {"v": 1}, "later": True})
        self.assertEqual(ended.outputs["a"], [2, {"v": 1}, {}, None])
        self.assertEqual((host.logs[0].level, host.logs[0].fields), ("warn", {"at": 1}))
        self.assertEqual(host.reports, [(50, "half")])


class FailureTest(unittest.TestCase):
    def test_an_exception_keeps_its_message_and_says_where_it_comes_from(self) -> None:
        def fail(input: Any, context: Context) -> Any:
            try:
                return {}["missing"]
            except KeyError as error:
                raise RuntimeError("own words") from error

        try:
            Host().run(made_of(fail), {}, 0)
        except RuntimeError as error:
            failure = failure_of(error)
        self.assertEqual((failure.code, failure.message), ("exception", "RuntimeError: own words"))
        stack = failure.details["stack"]
        self.assertRegex(stack[-3], r"test_block\.py:\d+ in .*fail$")
        self.assertEqual(stack[-2], "caused by KeyError: 'missing'")

    def test_a_failure_stays_what_it_is(self) -> None:
        failure = BlockFailure("busy", "later", retry_after_ms=-5, details={"a": 1})
        self.assertIs(failure_of(failure), failure)
        self.assertEqual((failure.retry, failure.retry_after_ms), (True, 0))

    def test_a_case_may_expect_a_code(self) -> None:
        case = {"name": "x", "config": {}, "input": 0, "error": {"code": "busy"}}
        check_case(made_of(BlockFailure("busy", "later")), case)
        for other in (made_of(BlockFailure("other", "no")), made_of(1)):
            with self.assertRaises(AssertionError):
                check_case(other, case)
