import unittest
from pathlib import Path

from blockyard_sdk import BlockFailure
from blockyard_sdk.http import Response
from blockyard_sdk.testing import Host, Sent, check_cases, check_examples
from crm_contacts import execute

CASES = Path(__file__).parents[1] / "cases"


class CrmContactsTest(unittest.TestCase):
    def test_the_examples_give_what_they_say(self) -> None:
        check_examples(execute)

    def test_the_cases_give_what_they_say(self) -> None:
        check_cases(execute, CASES)

    def test_a_wait_keeps_what_was_fetched(self) -> None:
        def respond(sent: Sent) -> Response:
            if "cursor" in sent.url:
                return Response(429, [("retry-after-ms", "250")])
            return Response(200, body='{"items": [{"id": 1, "email": "a@example.com"}], "next": "c"}')

        host = Host(secrets=["crm"], respond=respond)
        ended = host.run(execute, {}, {"segment": "s"})
        self.assertEqual((ended.after_ms, ended.state["cursor"]), (250, "c"))
        self.assertEqual(len(ended.state["contacts"]), 1)
        self.assertEqual(host.sent[0].credentials, [("crm", "header", "X-Api-Key")])

    def test_the_crm_s_own_words_become_the_message(self) -> None:
        host = Host(secrets=["crm"], respond=lambda sent: Response(403, body='{"error": "scope is missing"}'))
        with self.assertRaises(BlockFailure) as raised:
            host.run(execute, {}, {"segment": "s"})
        self.assertEqual((raised.exception.code, raised.exception.message), ("forbidden", "scope is missing"))


if __name__ == "__main__":
    unittest.main()
