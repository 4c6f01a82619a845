"""The gate: judged queries decide whether a new generation may take over from the one that serves."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from ..evaluation import JUDGED, JUDGED_ENOUGH, NDCG, difference
from ..exceptions import CatalogSearchError
from ..indexes import SearchIndex
from ..measuring import judged_products, measured
from ..models import Generation

CONFIGURATION = "hybrid"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Both scores, how they differ, and what follows: "passed", "refused" or "undecided"."""

    verdict: str
    old_generation: int
    old: dict[str, float]
    new: dict[str, float]
    queries: int
    mean: float
    low: float
    high: float
    margin: float

    def __str__(self) -> str:
        """Say it to an operator."""
        gap = f"nDCG@10 {self.old[NDCG]:.3f} -> {self.new[NDCG]:.3f} ({self.mean:+.3f}, 95 % interval"
        text = f"{gap} {self.low:+.3f} to {self.high:+.3f}, {self.queries} queries)"
        if self.verdict == "undecided":
            judged = min(self.old.get(JUDGED, 0.0), self.new.get(JUDGED, 0.0))
            return f"{text}: no verdict, since of ten results only {judged:.0%} are judged (80 % are needed)."
        return f"{text}: {self.verdict}, {self.margin} may be lost."


def judge(index: SearchIndex, old: Generation, new: Generation, path: Path, key: str, margin: float) -> Verdict:
    """Score both generations on the same judged queries and keep the verdict on the new one.

    Refused where the mean of nDCG@10 falls by more than the margin; undecided where either's judged@10 is under 0.8.
    Raises CatalogSearchError where a model failed: what is measured then is not the generation.
    """
    judgements, _ = judged_products(index, path, key)
    evaluations = []
    for generation in (old, new):
        evaluated, degraded = measured(index, CONFIGURATION, judgements, generation)
        if degraded:
            lost = ", ".join(set(degraded))
            raise CatalogSearchError(f"{generation} cannot be scored: its searches went without {lost}.")
        evaluations.append(evaluated)
    before, after = (one.means for one in evaluations)
    gap = difference(evaluations[0], evaluations[1])
    decided = min(before.get(JUDGED, 0.0), after.get(JUDGED, 0.0)) >= JUDGED_ENOUGH
    word = "undecided" if not decided else "refused" if gap.mean < -margin else "passed"
    queries = len(evaluations[0].scores)
    verdict = Verdict(word, old.pk, before, after, queries, gap.mean, gap.low, gap.high, margin)
    new.measured["gate"] = asdict(verdict)
    new.save(using=new.alias, update_fields=["measured"])
    return verdict
