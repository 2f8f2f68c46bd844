"""Finds records of a list that mean the same company or person, by the similarity of their names."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated, Any

from blockyard_sdk import (
    Context,
    Field,
    Manifest,
    Outputs,
    Port,
    block,
    invalid_input,
    load_examples,
    progress,
)

WORDS = re.compile(r"[^\W_]+")


@dataclass
class Config:
    nameField: Annotated[str, Field(doc="The member of each record that holds the name.", min_length=1)] = "name"
    threshold: Annotated[
        float, Field(doc="From which similarity on two names mean the same; 1 is equality.", minimum=0.1, maximum=1)
    ] = 0.75
    ignore: Annotated[list[str], Field(doc="Words that tell nothing, such as legal forms.")] = field(
        default_factory=lambda: ["ag", "co", "corp", "gmbh", "inc", "kg", "limited", "llc", "ltd", "sa", "the"]
    )


@dataclass
class Duplicate:
    record: Any
    of: Annotated[int, Field(doc="Which of the kept records it repeats, from 0.")]
    similarity: float


@block(
    Manifest(
        type="custom.deduplicate",
        version="1.0.0",
        name="Deduplicate",
        description="Keeps the first of all records with similar names, whatever their spelling, order and accents.",
        category="Data",
        outputs=[
            Port("unique", "The first record of each name.", list[Any]),
            Port("duplicates", "The others, with the record that each repeats.", list[Duplicate]),
        ],
        stateless=True,
        examples=load_examples(__file__),
    )
)
def execute(config: Config, records: list[dict[str, Any]], context: Context) -> Outputs:
    ignored = {word for text in config.ignore for word in words(text)}
    known = Index()
    unique: list[dict[str, Any]] = []
    duplicates: list[Duplicate] = []
    for at, record in enumerate(records):
        name = record.get(config.nameField)
        if not isinstance(name, str):
            raise invalid_input(f"/{at}", f"its `{config.nameField}` is no text")
        grams = trigrams(name, ignored)
        closest, similarity = known.closest(grams)
        if similarity >= config.threshold:
            duplicates.append(Duplicate(record, closest, round(similarity, 3)))
        else:
            known.add(grams)
            unique.append(record)
        if at % 100 == 0:
            progress(100 * at / len(records), f"{at} of {len(records)} records")
    metadata = {"records": len(records), "duplicates": len(duplicates)}
    return Outputs({"unique": unique, "duplicates": duplicates}, metadata=metadata)


def words(name: str) -> list[str]:
    """The words of a name, without case, accents and order."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return sorted(WORDS.findall("".join(char for char in decomposed if not unicodedata.combining(char))))


def trigrams(name: str, ignored: set[str]) -> Counter[str]:
    """How often each run of three characters comes in a name's words. A name of nothing but ignored words keeps
    them."""
    all_words = words(name)
    telling = [word for word in all_words if word not in ignored] or all_words
    return Counter(gram for word in telling for gram in grams_of(f"  {word} "))


def grams_of(text: str) -> Iterable[str]:
    return (text[at : at + 3] for at in range(len(text) - 2))


class Index:
    """Names by their trigrams, so that each is compared only with those that share some."""

    def __init__(self) -> None:
        self._sizes: list[int] = []
        self._names_by_gram: dict[str, list[tuple[int, int]]] = {}

    def add(self, grams: Counter[str]) -> None:
        for gram, count in grams.items():
            self._names_by_gram.setdefault(gram, []).append((len(self._sizes), count))
        self._sizes.append(grams.total())

    def closest(self, grams: Counter[str]) -> tuple[int, float]:
        """The most similar name and its Sørensen-Dice coefficient; the coefficient is 0 if none shares a trigram."""
        shared: dict[int, int] = {}
        for gram, count in grams.items():
            for name, other in self._names_by_gram.get(gram, ()):
                shared[name] = shared.get(name, 0) + min(count, other)
        total = grams.total()
        scores = ((name, 2 * common / (total + self._sizes[name])) for name, common in shared.items())
        return max(scores, key=lambda score: (score[1], -score[0]), default=(0, 0.0))
