import unittest

from blockyard_sdk import BlockFailure, SecretNotGranted, SecretNotSet, http, optional_secret, secret
from blockyard_sdk.http import Request, Response
from blockyard_sdk.testing import Host


class RequestTest(unittest.TestCase):
    def test_parameters_and_segments_cannot_change_the_url_s_shape(self) -> None:
        url = "https://a.example/v1/" + http.segment("../a/b?c#d")
        request = Request("GET", url, query={"q&": "a=b&c d+%ü", "none": None, "page": 2})
        self.assertEqual(request.url, "https://a.example/v1/..%2Fa%2Fb%3Fc%23d?q%26=a%3Db%26c%20d%2B%25%C3%BC&page=2")
        self.assertEqual(Request("GET", "https://a.example/?x=1", query={"y": 1}).url, "https://a.example/?x=1&y=1")
        self.assertEqual(Request("GET", "https://a.example/?", query={"y": 1}).url, "https://a.example/?y=1")
        self.assertEqual(Request("GET", "https://a.example/?x&", query={"y": 1}).url, "https://a.example/?x&y=1")

    def test_parameters_stand_before_the_fragment(self) -> None:
        for url, expected in [
            ("https://a.example/x#f", "https://a.example/x?q=1#f"),
            ("https://a.example/x?a=1#f?g#h", "https://a.example/x?a=1&q=1#f?g#h"),
            ("https://a.example/#", "https://a.example/?q=1#"),
        ]:
            self.assertEqual(Request("GET", url, query={"q": 1}).url, expected)
        self.assertEqual(Request("GET", "https://a.example/x#f", query={"q": None}).url, "https://a.example/x#f")

    def test_booleans_are_written_as_in_json(self) -> None:
        request = Request("GET", "https://a.example/", query={"a": True, "b": False, "c": "True", "d": 1.5})
        self.assertEqual(request.url, "https://a.example/?a=true&b=false&c=True&d=1.5")

    def test_a_json_body_brings_its_content_type(self) -> None:
        request = Request("POST", "https://a.example/", json={"ü": (1, 2)})
        self.assertEqual(request.body, '{"ü":[1,2]}'.encode())
        self.assertEqual(request.headers, [("content-type", "application/json")])
        own = Request("POST", "https://a.example/", json=[], headers={"Content-Type": "application/x+json"})
        self.assertEqual(own.headers, [("Content-Type", "application/x+json")])
        with self.assertRaises(ValueError):
            Request("POST", "https://a.example/", json=1, body="x")


class ResponseTest(unittest.TestCase):
    def test_statuses_become_codes_with_retry_hints(self) -> None:
        for status, code, retry in [
            (400, "invalid-request", False),
            (401, "unauthorized", False),
            (410, "not-found", False),
            (429, "rate-limited", True),
            (500, "upstream", True),
            (504, "upstream-timeout", True),
            (302, "unexpected-response", False),
        ]:
            failure = Response(status).failure()
            self.assertEqual((failure.code, failure.retry, failure.retry_after_ms), (code, retry, None))
            self.assertEqual(failure.message, f"HTTP status {status}")
        failure = Response(429, [("Retry-After", "7")], "slow\n down").failure()
        self.assertEqual((failure.message, failure.retry_after_ms), ("slow down", 7000))
        self.assertEqual(Response(222).ok().status, 222)

    def test_retry_after_is_read_in_all_its_forms(self) -> None:
        now = ("date", "Thu, 29 Feb 2024 23:59:50 GMT")
        for headers, expected in [
            ([("retry-after", " 120 ")], 120_000),
            ([("retry-after", "0.5")], 500),
            ([("retry-after", "99999999999999999999")], 2**53 - 1),
            ([("retry-after", "9" * 5000)], 2**53 - 1),
            ([("retry-after-ms", "9" * 5000)], 2**53 - 1),
            ([("retry-after-ms", "0.5")], 1),
            ([("retry-after", "later")], None),
            ([("retry-after", "7"), ("Retry-After-Ms", "250")], 250),
            ([("retry-after", "Fri, 01 Mar 2024 00:00:00 GMT"), now], 10_000),
            ([("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"), now], 0),
            ([("retry-after", "Fri, 01 Mar 2024 00:00:00 GMT")], None),
            ([], None),
        ]:
            with self.subTest(headers=headers):
                self.assertEqual(Response(429, headers).retry_after_ms, expected)

    def test_what_is_no_number_of_seconds_is_no_hint(self) -> None:
        date = ("date", "Thu, 29 Feb 2024 23:59:50 GMT")
        for odd in ["-3", "+3", "1e308", "1e3", "0x10", "inf", "NaN", ".5", "5.", "1_0", "", "\u0663"]:
            with self.subTest(odd=odd):
                self.assertIsNone(Response(429, [("retry-after", odd), date]).retry_after_ms)
                self.assertEqual(Response(429, [("retry-after-ms", odd), ("retry-after", "7")]).retry_after_ms, 7000)
                self.assertIsNone(Response(429, [("retry-after", odd)]).failure().retry_after_ms)

    def test_an_unreadable_body_says_what_came(self) -> None:
        with self.assertRaises(BlockFailure) as raised:
            Response(200, body=b"<html>\xff").json()
        self.assertEqual(raised.exception.code, "unexpected-response")
        self.assertEqual(raised.exception.details, {"status": 200, "body": "<html>\ufffd"})
        self.assertEqual(len(Response(200, body="é" * 1000).excerpt()), 201)


class SendTest(unittest.TestCase):
    def test_errors_are_raised_by_one_and_listed_by_many(self) -> None:
        def respond(sent: object) -> Response | http.HttpError:
            return http.Timeout() if len(host.sent) % 2 else Response(200)

        host = Host(respond=respond)
        requests = [Request("GET", "https://a.example/")] * 2
        with host:
            first, second = http.send_all(requests)
            self.assertEqual(http.send_all([]), [])
            with self.assertRaises(http.Timeout) as raised:
                http.send(requests[0])
        self.assertIsInstance(first, http.Timeout)
        self.assertIsInstance(second, Response)
        self.assertEqual((raised.exception.code, raised.exception.retry), ("upstream-timeout", True))
        self.assertEqual([sent.together for sent in host.sent], [2, 2, 1])

    def test_secrets_are_handles_with_a_place(self) -> None:
        with Host(secrets=["k"], unset_secrets=["empty"], respond=lambda sent: Response(200)) as host:
            key = secret("k")
            places = [key.bearer(), key.header("X-Key", "Token "), key.query("key"), key.basic("user")]
            http.send(Request("GET", "https://a.example/", credentials=places))
            self.assertIsNone(optional_secret("empty"))
            with self.assertRaises(SecretNotSet):
                secret("empty")
            with self.assertRaises(SecretNotGranted):
                optional_secret("other")
        self.assertEqual(
            host.sent[0].credentials,
            [("k", "bearer", ""), ("k", "header", "X-Key"), ("k", "query", "key"), ("k", "basic", "user")],
        )

    def test_without_a_host_there_is_no_network(self) -> None:
        with self.assertRaisesRegex(RuntimeError, r"testing\.Host"):
            http.send(Request("GET", "https://a.example/"))
