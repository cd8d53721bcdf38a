"""Passages of real-looking documents."""

import time

import pytest

from palier.retrieval.chunking import MAX_CHARACTERS, split, split_all

PAGE = """# Fibre Goéland

Elle coûte 29,99 € par mois.

## Prix

{filling}

### Frais `uniques`

{filling}

## [Télévision](tv.md)

{filling}

```sh
# not a heading
```
"""
FILLING = "Le débit atteint un gigabit par seconde en réception. " * 9


def test_the_heading_path_of_each_passage():
    headings = [p.heading for p in split("goeland", PAGE.format(filling=FILLING))]
    assert headings == [
        "Fibre Goéland",
        "Fibre Goéland > Prix",
        "Fibre Goéland > Prix > Frais uniques",
        "Fibre Goéland > Télévision",
    ]


def test_a_passage_of_several_sections_has_what_they_share():
    passages = split("d", PAGE.format(filling="Court."))
    assert [p.heading for p in passages] == ["Fibre Goéland"]


def test_text_without_headings_or_without_anything():
    assert split("d", "") == split("d", " \n\n\t ") == []
    only = split("d", "Une phrase.")
    assert [(p.text, p.start, p.end, p.heading) for p in only] == [("Une phrase.", 0, 11, "")]
    assert split("d", "# Titre")[0].heading == "Titre"


def test_many_documents_in_one_task():
    assert [[p.document for p in passages] for passages in split_all([("a", "x"), ("b", ""), ("c", "y")])] == [
        ["a"],
        [],
        ["c"],
    ]


def test_a_huge_unbroken_text_takes_linear_time():
    begun = time.process_time()
    passages = split("d", "x" * 500_000 + "mot " * 100_000)
    assert time.process_time() - begun < 10
    assert sum(len(p.text.replace(" ", "")) for p in passages) == 800_000
    assert max(len(p.text) for p in passages) <= MAX_CHARACTERS


@pytest.mark.parametrize("between", [" ", "\n", "\n\n"])
def test_a_long_text_is_cut_between_sentences_wherever_it_is_cut(between):
    sentences = [f"The bell of harbour {n % 7} rings at noon and at six." for n in range(4000)]
    passages = split("d", between.join(sentences))
    assert len(passages) > 400
    for passage in passages:
        assert passage.text.startswith("The bell"), passage
        assert passage.text.endswith("six."), passage
