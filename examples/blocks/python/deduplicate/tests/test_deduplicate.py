import unittest
from pathlib import Path

from blockyard_sdk.testing import Host, check_cases, check_examples
from deduplicate import execute, trigrams, words

CASES = Path(__file__).parents[1] / "cases"


class DeduplicateTest(unittest.TestCase):
    def test_the_examples_give_what_they_say(self) -> None:
        check_examples(execute)

    def test_the_cases_give_what_they_say(self) -> None:
        check_cases(execute, CASES)

    def test_words_have_no_case_accents_or_order(self) -> None:
        self.assertEqual(words("Lovelace, ÁDA_b"), ["ada", "b", "lovelace"])

    def test_a_name_of_ignored_words_keeps_them(self) -> None:
        self.assertEqual(trigrams("The Co", {"the", "co"}), trigrams("co the", set()))

    def test_an_empty_list_gives_empty_lists(self) -> None:
        self.assertEqual(Host().run(execute, {}, []).outputs, {"unique": [], "duplicates": []})


if __name__ == "__main__":
    unittest.main()
