import unittest
from typing import Any

from blockyard_sdk.testing import Replay


def exchange(request: dict[str, Any], status: int = 200) -> dict[str, Any]:
    return {"request": {"method": "GET", **request}, "response": {"status": status}}


def status(replay: Replay, method: str, url: str, body: str | None = None) -> int | None:
    answer = replay.answer(method, url, None if body is None else body.encode())
    return answer and answer.status


class ReplayTest(unittest.TestCase):
    def test_a_request_matches_by_method_path_query_set_and_meaning_of_the_body(self) -> None:
        request = {"method": "POST", "url": "https://a.example/x?b=2&a=1&a=0", "body": {"k": [1], "l": None}}
        replay = Replay([exchange(request, 201)])
        body = '{ "l": null, "k": [1] }'
        self.assertEqual(status(replay, "post", "https://other.example/x?a=0&a=1&b=%32", body), 201)
        self.assertEqual(status(replay, "POST", "https://a.example/y/../x?a=0&a=1&b=2", body), 201)
        for method, url, other in [
            ("POST", "https://a.example/x?a=1&b=2", body),
            ("POST", "https://a.example/x?b=2&a=1&a=0", None),
            ("POST", "https://a.example/x?b=2&a=1&a=0", body.replace("1", "1.0")),
            ("POST", "https://a.example/x?b=2&a=1&a=0", body.replace("1", "true")),
            ("GET", "https://a.example/x?b=2&a=1&a=0", body),
            ("POST", "not a url", body),
        ]:
            self.assertIsNone(status(replay, method, url, other))

    def test_equal_ones_are_served_in_order_and_the_last_repeats(self) -> None:
        replay = Replay([exchange({"url": "https://a.example/"}, 202), exchange({"url": "https://a.example"}, 200)])
        self.assertEqual([status(replay, "GET", "https://a.example/") for _ in range(4)], [202, 200, 200, 200])

    def test_bodies_are_json_text_or_base64(self) -> None:
        for members, expected in [
            ({"body": {"ü": 1}}, '{"ü": 1}'.encode()),
            ({"body": "plain"}, b"plain"),
            ({"bodyBase64": "AAE="}, b"\x00\x01"),
            ({}, b""),
        ]:
            request = {"method": "GET", "url": "https://a.example/"}
            replay = Replay([{"request": request, "response": {"status": 200, **members}}])
            answer = replay.answer("GET", "https://a.example/", None)
            self.assertEqual(answer and answer.body, expected)

    def test_what_cannot_be_used_is_named(self) -> None:
        good = exchange({"url": "https://a.example/"})
        for bad, message in [
            (exchange({"url": "/x"}), "URL"),
            (exchange({"url": "https://a.example/"}, 99), "status"),
            (exchange({"url": "https://a.example/", "bodyBase64": "?"}), "base64"),
            (exchange({"url": "https://a.example/", "query": {}}), "query"),
            ({"request": {}}, "response"),
        ]:
            with self.assertRaisesRegex(ValueError, f"exchange 1: .*{message}"):
                Replay([good, bad])
