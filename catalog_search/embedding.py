"""From contents to one unit vector each: natively fused where the model can, otherwise late fusion by us."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from .backends.base import Embedder, Role, reduce_to
from .bisection import bisect
from .content import Content
from .exceptions import ModelError
from .fusion import Vector, mean_direction, unit

Means = Mapping[str, Vector]
"""Mean vector of each modality over a sample of the catalogue; empty for models that fuse natively."""


def embed(embedder: Embedder, contents: Sequence[Content], role: Role, means: Means) -> list[Vector]:
    """Return one unit vector per content, in order; several pictures count as the mean of their directions.

    Dual encoders such as CLIP place all texts in one cone and all pictures in another, so that a text query is
    nearer to any text than to any picture. Taking each modality's mean out before averaging closes that gap
    ("Closing the Modality Gap for Mixed Modality Search", arXiv 2507.19054).
    Raises ModelError, also where a content holds nothing that the model takes.
    """
    parts = [_parts(embedder, content) for content in contents]
    vectors = _encode_by_kind(embedder, [part for one in parts for part in one], role)
    results: list[Vector] = []
    position = 0
    for one in parts:
        own = vectors[position : position + len(one)]
        position += len(one)
        results.append(own[0] if embedder.fuses and len(own) == 1 else _fuse(one, own, means, embedder.weights))
    return results


def modality_means(embedder: Embedder, sample: Sequence[Content]) -> dict[str, Vector]:
    """Measure the mean vector of each modality over a sample, for models of which ``needs_means`` says so.

    A modality seen fewer than twice has no mean worth taking out; what the model refuses is left out.
    Raises what the model raises where it refuses everything.
    """
    means: dict[str, Vector] = {}
    parts = [part for content in sample for part in _parts(embedder, content)]
    for kind in sorted(embedder.modalities):
        of_kind = [part for part in parts if part.modalities == (kind,)]
        if len(of_kind) > 1:
            vectors = bisect(lambda some: _encode_by_kind(embedder, some, "document"), of_kind)
            good = [one for one in vectors if not isinstance(one, Exception)]
            if not good and isinstance(vectors[0], Exception):
                raise vectors[0]  # it is the model that fails
            means[kind] = np.mean(good, axis=0).astype(np.float32)
    return means


def needs_means(embedder: Embedder) -> bool:
    """Tell whether a model keeps its modalities in places apart.

    Where it fuses by itself or knows one modality only, there is no gap to close, and taking a mean out costs accuracy.
    The option ``modality_means`` of a backend switches it off.
    """
    return embedder.modality_means and not embedder.fuses and len(embedder.modalities) > 1


def is_blank(embedder: Embedder, content: Content) -> bool:
    """Does a content hold nothing that the model takes?"""
    return not reduce_to(content, embedder.modalities)


def _parts(embedder: Embedder, content: Content) -> list[Content]:
    """Take a content apart into what one call of the model takes."""
    reduced = reduce_to(content, embedder.modalities)
    if not reduced:
        if content and "image" in content.modalities:
            raise ModelError("This model reads text only, and there is no text.")
        raise ModelError("There is nothing to embed: neither text nor a readable picture.")
    if embedder.fuses:
        return list(reduced.views())
    texts = [Content(text=reduced.text)] if reduced.text.strip() else []
    return texts + [Content(image=picture) for picture in reduced.pictures]


def _encode_by_kind(embedder: Embedder, parts: Sequence[Content], role: Role) -> list[Vector]:
    """Encode all parts in as few calls as there are kinds: a batch of mixed kinds is refused by most models."""
    vectors: list[Vector] = [np.empty(0, dtype=np.float32)] * len(parts)
    for kind in sorted({part.modalities for part in parts}):
        positions = [position for position, part in enumerate(parts) if part.modalities == kind]
        encoded = embedder.encode([parts[position] for position in positions], role)
        if encoded.shape != (len(positions), embedder.dimensions) or not np.isfinite(encoded).all():
            raise ModelError(f"The model gave vectors of shape {encoded.shape}, or not finite ones.")
        for position, vector in zip(positions, encoded, strict=True):
            vectors[position] = vector
    return vectors


def _fuse(parts: Sequence[Content], vectors: Sequence[Vector], means: Means, weights: Mapping[str, float]) -> Vector:
    """Average text and pictures, by weight and however many pictures there are; what stands alone counts whole."""
    by_kind: dict[str, list[Vector]] = {}
    for part, vector in zip(parts, vectors, strict=True):
        kind = "+".join(part.modalities)
        mean = means.get(kind)
        by_kind.setdefault(kind, []).append(unit(vector if mean is None else vector - mean))
    shares = [weights.get(kind, 1.0) for kind in by_kind] if len(by_kind) > 1 else None
    return mean_direction([mean_direction(vectors) for vectors in by_kind.values()], shares)
