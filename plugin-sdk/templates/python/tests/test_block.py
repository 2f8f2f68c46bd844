import unittest
from pathlib import Path

from blockyard_sdk import BlockFailure
from blockyard_sdk.http import Response
from blockyard_sdk.testing import Host, check_cases, check_examples
from {{module}} import execute

CASES = Path(__file__).parents[1] / "cases"


class BlockTest(unittest.TestCase):
    def test_the_examples_give_what_they_say(self) -> None:
        check_examples(execute)

    def test_the_cases_give_what_they_say(self) -> None:
        check_cases(execute, CASES)

    def test_the_key_goes_into_the_request_as_a_bearer_token(self) -> None:
        host = Host(secrets=["rates"], respond=lambda sent: Response(200, body='{"rate": 2}'))
        ended = host.run(execute, {"currency": "USD"}, {"amount": 3, "currency": "EUR"})
        self.assertEqual(ended.outputs["output"]["amount"], 6)
        self.assertEqual(host.sent[0].credentials, [("rates", "bearer", "")])
        self.assertEqual(host.logs[0].fields["rate"], 2)

    def test_a_busy_service_is_worth_another_attempt(self) -> None:
        host = Host(secrets=["rates"], respond=lambda sent: Response(429, [("retry-after", "7")], "slow down"))
        with self.assertRaises(BlockFailure) as raised:
            host.run(execute, {"currency": "USD"}, {"amount": 3, "currency": "EUR"})
        self.assertEqual((raised.exception.code, raised.exception.retry_after_ms), ("rate-limited", 7000))

    def test_a_negative_amount_is_pointed_at(self) -> None:
        with self.assertRaises(BlockFailure) as raised:
            Host().run(execute, {"currency": "USD"}, {"amount": -1, "currency": "EUR"})
        self.assertEqual(raised.exception.details, {"pointer": "/amount"})


if __name__ == "__main__":
    unittest.main()
