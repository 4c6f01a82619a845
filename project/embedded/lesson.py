"""What the tower is asked in training, and how pictures are varied for it."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..drawing import COLOURS, KINDS, PATTERNS, ProductSpec
from .tower import DIMENSIONS, SIDE, Eye

LABELS = (list(KINDS), list(COLOURS), [*COLOURS, None], list(PATTERNS))


def labels(specs: list[ProductSpec]) -> Tensor:
    """Kind, colour, second colour and pattern of each product as numbers (n, 4)."""
    rows = [(spec.kind, spec.colour, spec.second, spec.pattern) for spec in specs]
    return torch.tensor([[names.index(value) for names, value in zip(LABELS, row, strict=True)] for row in rows])


ALIKE = 16
"""How sharply photos of things with the same attributes are told from others."""


def photographed(batch: Tensor, rng: torch.Generator, side: int = SIDE) -> Tensor:
    """The pictures as other cameras would take them (n, side, side, 3): moved, turned, mirrored, lighter, coarser."""
    n = len(batch)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(n, *shape, generator=rng)

    scale, angle = uniform(0.8, 1.12), uniform(-0.16, 0.16)
    mirror = torch.where(torch.rand(n, generator=rng) < 0.5, -1.0, 1.0)
    stretch = uniform(0.93, 1.07)
    turn = torch.stack(
        [
            torch.stack([scale * stretch * mirror * angle.cos(), -scale * angle.sin(), uniform(-0.08, 0.08)], 1),
            torch.stack([scale * stretch * mirror * angle.sin(), scale * angle.cos(), uniform(-0.08, 0.08)], 1),
        ],
        1,
    )
    grid = F.affine_grid(turn, [n, 3, side, side], align_corners=False)
    seen = F.grid_sample(batch.permute(0, 3, 1, 2).float(), grid, padding_mode="border", align_corners=False)
    coarse = torch.rand(n, generator=rng) < 0.2
    if coarse.any():
        seen[coarse] = F.interpolate(F.avg_pool2d(seen[coarse], 2), scale_factor=2, mode="bilinear")
    seen = (seen - 128) * uniform(0.88, 1.12, 1, 1, 1) + 128 + uniform(-12, 12, 1, 1, 1) + uniform(-5, 5, 3, 1, 1)
    seen = seen + uniform(0, 5, 1, 1, 1) * torch.randn(n, 1, side, side, generator=rng)
    return seen.clamp(0, 255).permute(0, 2, 3, 1)


class Lesson(nn.Module):
    """What the tower is asked in training: to agree with captions, and to name the attributes."""

    def __init__(self, eye: Eye) -> None:
        super().__init__()
        self.eye = eye
        self.heads = nn.ModuleList(nn.Linear(DIMENSIONS, len(names)) for names in LABELS)
        self.sharpness = nn.Parameter(torch.tensor(3.0))

    def forward(
        self, seen: Tensor, said: Tensor, swapped: Tensor, named: Tensor, bank: Tensor, right: Tensor
    ) -> Tensor:
        """The loss for pictures, their captions and labels.

        `swapped` is the first caption with the two colours exchanged; `bank` has captions (b, c, 384) for every
        combination there is, `right` the numbers of the pictures' own.
        """
        features = self.eye.reading(self.eye.look(seen))
        vectors = F.normalize(self.eye.saying(features), dim=1)
        n, m, _ = said.shape
        sharpness = self.sharpness.exp().clamp(max=60)
        scores = (vectors @ said.flatten(0, 1).T * sharpness).view(n, n, m)
        itself = torch.eye(n, dtype=torch.bool)
        # Two pictures of the same thing are no negatives of each other.
        same = (named[:, None] == named[None]).all(2) & ~itself
        scores = scores.masked_fill(same[..., None], -1e4)
        own = torch.arange(n)
        agree = sum(F.cross_entropy(scores[..., i], own) + F.cross_entropy(scores[..., i].T, own) for i in range(m)) / m
        columns = bank.shape[1]
        known = sum(F.cross_entropy(vectors @ bank[:, i].T * sharpness, right) for i in range(columns)) / columns
        # "Red with white dots" and "white with red dots" are nearly one sentence to MiniLM: tell them apart on purpose.
        exchanged = F.softplus((vectors * (swapped - said[:, 0])).sum(1) * sharpness)
        two_coloured = (named[:, 2] < len(COLOURS)).float()
        order = (exchanged * two_coloured).sum() / two_coloured.sum().clamp(min=1)
        # Photos are asked with too: those of one kind, colour and pattern lie together, whatever the second colour.
        partners = ((right[:, None] == right[None]) & ~itself).float()
        likeness = F.log_softmax((vectors @ vectors.T * ALIKE).masked_fill(itself, -1e4), dim=1)
        alike = -(likeness * partners).sum() / partners.sum().clamp(min=1)
        close = 1 - (vectors * F.normalize(said.mean(1), dim=1)).sum(1).mean()
        name = sum(F.cross_entropy(head(features), named[:, i]) for i, head in enumerate(self.heads))
        return agree + 1.5 * known + order + 0.7 * alike + 2 * close + 0.5 * name
