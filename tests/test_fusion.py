"""Fusion: unit vectors, backgrounds and scores with answers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from catalog_search.fusion import Background, linear, mean_direction, odds_to_unit, unit
from catalog_search.searching.ranking import Fusion


def vector(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def test_unit() -> None:
    assert unit(vector(3, 4)) == pytest.approx([0.6, 0.8])
    assert unit(vector(0, 0)) == pytest.approx([0, 0])


def test_mean_direction_ignores_lengths() -> None:
    assert mean_direction([vector(10, 0), vector(0, 1)]) == pytest.approx([2**-0.5, 2**-0.5])


def test_mean_direction_of_opposites_is_the_first() -> None:
    assert mean_direction([vector(1, 0), vector(-1, 0)]) == pytest.approx([1, 0])


def test_log_odds_keep_their_order_however_sure() -> None:
    odds = np.array([-900, -30, -17.25, -17.125, 0, 9, 17.125, 17.25, 30, 900])
    units = odds_to_unit(odds.astype(np.float16))

    assert (np.diff(units) > 0).all()
    assert units[4] == 0.5
    assert units[0] >= 0
    assert units[-1] <= 1


def test_background() -> None:
    background = Background.of(np.array([0.1, 0.3] * 50))

    assert background.mean == pytest.approx(0.2)
    assert background.at(2) == pytest.approx(0.4)
    assert background.deviations(0.4) == pytest.approx(2)
    assert Background.of(np.array([])).at(1) == pytest.approx(1)


def test_few_products_cannot_stand_out_far() -> None:
    similarities = np.array([0.9, 0.1, 0.1, 0.1])
    background = Background.of(similarities)

    assert background.deviations(0.9) == pytest.approx(background.reach)
    assert background.reach == pytest.approx(3**0.5)


def test_what_is_nearer_goes_first_below_the_background_too() -> None:
    near = {"2": 0.05, "10": 0.01, "3": 0.09, "1": 0.99, "20": 1.0}
    found = Fusion([], [], near, list(near), Background(0.1, 0.05)).ranked(10)

    assert [one.key for one in found] == ["20", "1", "3", "2", "10"]
    assert [one.lanes["vectors"] for one in found] == [(1, 1.0), (2, 1.0), (3, 0.0), (4, 0.0), (5, 0.0)]


def test_linear_counts_a_missing_lane_as_nothing() -> None:
    scores = linear("ab", {"words": {"a": 1.0}, "vectors": {"a": 0.5, "b": 1.0}}, {"words": 1, "vectors": 3})

    assert scores == pytest.approx({"a": 0.25 + 0.375, "b": 0.75})
