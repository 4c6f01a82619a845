"""Quantization: how an HNSW index keeps the vectors of a generation, as PostgreSQL has to be told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quantization:
    """One way to index halfvecs: what is indexed and compared, to how many dimensions (pgvector README)."""

    name: str
    limit: int
    distance: str
    operators: str
    template: str

    def expression(self, vector: str, dimensions: int) -> str:
        """Return the SQL of what is indexed or asked for; a query uses the index only by the very same expression."""
        return self.template.format(vector=vector, dimensions=int(dimensions))


HALF = Quantization("half", 4_000, "<=>", "halfvec_cosine_ops", "({vector}::halfvec({dimensions}))")
BINARY = Quantization(
    "binary", 64_000, "<~>", "bit_hamming_ops", "(binary_quantize({vector}::halfvec)::bit({dimensions}))"
)
"""One bit for each dimension, its sign: compared in a fraction of the memory, to be scored again exactly."""

QUANTIZATIONS = {one.name: one for one in (HALF, BINARY)}
