"""How far a picture's vector may pull on the vector of its document."""

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from .tower import DIMENSIONS, POOLED

AXES = 200
LANDMARKS = 448
MOST = 1.5
LEAST_DOUBT = 1e-3


class Trust(nn.Module):
    """The weight (0..MOST) of a picture beside its text's weight of 1.

    Four signs count: how well what the tower reads agrees with the text beside the picture; how near it comes to
    something that the tower was taught; how strange the tower's early features are; and how much else it reads in the
    mirror image. All depend on the one document alone, so a document has one vector, whatever batch it comes in.
    """

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(POOLED))
        self.register_buffer("axes", torch.zeros(POOLED, AXES))
        self.register_buffer("spread", torch.ones(AXES))
        self.register_buffer("rest", torch.ones(1))
        self.register_buffer("seen_mean", torch.zeros(DIMENSIONS))
        self.register_buffer("said_mean", torch.zeros(DIMENSIONS))
        self.register_buffer("landmarks", torch.zeros(LANDMARKS, DIMENSIONS))
        self.register_buffer("rule", torch.zeros(5))

    def strangeness(self, pooled: Tensor) -> Tensor:
        """The log of the distance of pooled features (n, POOLED) from the familiar ones: about 0 for a drawing (n,)."""
        centred = pooled - self.mean
        along = centred @ self.axes
        aside = (centred**2).sum(1) - (along**2).sum(1)
        return torch.log(0.5 * ((along / self.spread) ** 2).mean(1) + 0.5 * aside.clamp(min=0) / self.rest)

    def agreement(self, seen: Tensor, said: Tensor) -> Tensor:
        """The cosine of pictures' and texts' unit vectors (n, 384), without what all pictures and all texts share."""
        return (normalize(seen - self.seen_mean, dim=1) * normalize(said - self.said_mean, dim=1)).sum(1)

    def signs(self, pooled: Tensor, seen: Tensor, said: Tensor) -> Tensor:
        """What the rule weighs (n, 5): a constant, agreement, nearness, strangeness, doubt."""
        # The mean of two unit vectors is as long as they agree.
        doubt = torch.log(1 - seen.norm(dim=1).clamp(max=1) + LEAST_DOUBT)
        seen = normalize(seen, dim=1)
        nearness = (seen @ self.landmarks.T).amax(1)
        constant = torch.ones_like(nearness)
        return torch.stack([constant, self.agreement(seen, said), nearness, self.strangeness(pooled), doubt], 1)

    def forward(self, pooled: Tensor, seen: Tensor, said: Tensor) -> Tensor:
        """The weight (n,) of pictures with these features and vectors, as the tower gives them, beside texts with these
        unit vectors.
        """
        return MOST * torch.sigmoid(self.signs(pooled, seen, said) @ self.rule)

    def know(self, pooled: Tensor, seen: Tensor, said: Tensor, landmarks: Tensor) -> None:
        """Take pictures, texts, and unit vectors of what was taught (LANDMARKS, 384) for familiar."""
        self.mean.copy_(pooled.mean(0))
        _, sizes, axes = torch.linalg.svd(pooled - self.mean, full_matrices=False)
        self.axes.copy_(axes[:AXES].T)
        self.spread.copy_(sizes[:AXES] / len(pooled) ** 0.5)
        self.rest.copy_((sizes[AXES:] ** 2).sum() / len(pooled))
        self.seen_mean.copy_(normalize(seen, dim=1).mean(0))
        self.said_mean.copy_(said.mean(0))
        self.landmarks.copy_(landmarks)

    def fit(self, signs: Tensor, readable: Tensor, importance: Tensor) -> None:
        """Learn the rule from the signs (n, 5) of pictures that are `readable` (1) or not (0)."""
        rule = torch.zeros(signs.shape[1], requires_grad=True)
        solver = torch.optim.LBFGS([rule], max_iter=500, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            solver.zero_grad()
            error = nn.functional.binary_cross_entropy_with_logits(signs @ rule, readable, importance)
            error.backward()
            return error

        solver.step(loss)
        self.rule.copy_(rule.detach())
