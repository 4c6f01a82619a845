"""Candidates: a sequence of rows that is kept by columns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from catalog_search.searching import paging
from catalog_search.searching.candidates import Candidate, Candidates
from catalog_search.searching.paging import Ranking

ROWS = [
    Candidate("1", 0.5, "a", lanes={"words": (2, 0.25), "vectors": (1, 0.75)}, fused=0.4, boost=0.25),
    Candidate("2", 0.75, "b", lanes={"vectors": (2, 0.5)}, fused=0.75, rerank=0.5),
    Candidate("3", 0.25, "a", lanes={"identifiers": (1, 1.0)}, matched="exact", penalty=0.5, rules=("Sale", "More")),
]


def keys(candidates: Any) -> list[str]:
    return [one.key for one in candidates]


def test_rows_come_back_as_they_were_given() -> None:
    candidates = Candidates.of(ROWS)

    assert list(candidates) == ROWS
    assert candidates[1] == ROWS[1]
    assert list(candidates[::-1]) == ROWS[::-1]
    assert len(candidates[1:]) == 2
    assert ROWS[2] in candidates
    assert not Candidates()


def test_what_is_kept_for_the_next_pages_comes_back() -> None:
    paging.freeze("some", Ranking(Candidates.of(ROWS), reranked=1, exact=False, total=7))
    kept = paging.frozen("some")

    assert kept is not None
    assert list(kept.candidates) == ROWS
    assert replace(kept, candidates=Candidates()) == Ranking(Candidates(), reranked=1, exact=False, total=7)


def test_whole_identifiers_come_first_then_scores() -> None:
    assert keys(Candidates.of(ROWS).best_first()) == ["3", "2", "1"]


def test_one_of_a_family_stands_for_the_others() -> None:
    shown = Candidates.of(ROWS).shown()

    assert [(one.key, one.variants) for one in shown] == [("1", 2), ("2", 1)]


def test_what_was_cut_off_can_be_added() -> None:
    cut = Candidates.of(ROWS)[:2]

    assert keys(cut.joined_by(["3", "1", "4"])) == ["1", "2", "3", "4"]
    assert cut.joined_by(["2"]) is cut


@pytest.mark.parametrize("changed", [ROWS[1:2], Candidates.of(ROWS).in_order(["2"])])
def test_what_an_arrangement_leaves_out_comes_last_and_what_it_adds_is_ignored(changed: Any) -> None:
    arranged = Candidates.of(ROWS)[:2].rearranged([*changed, ROWS[2], ROWS[1]])

    assert list(arranged) == [ROWS[1], ROWS[0]]


def test_a_step_may_score_anew() -> None:
    arranged = Candidates.of(ROWS).rearranged([one._replace(score=9.0) for one in ROWS[1:]])

    assert [(one.key, one.score) for one in arranged] == [("2", 9.0), ("3", 9.0), ("1", 0.5)]
