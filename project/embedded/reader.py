"""The network of the reranker: it reads a query beside a product, words and photo of both."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .tower import DIMENSIONS
from .trust import MOST

WIDTH = 128
PATCHES = 16
"""Places of a photo, four by four."""

VIEWS, VIEW = 8, 24
"""So many ways of comparing a query with a document as wholes, in so few dimensions each: one may see colours alone."""

WHISPER = 0.02
"""What is left of an opinion about a document that is altogether strange: it decides between equals."""

ASPECTS = ("kind", "colour", "second", "pattern")
"""What the network learns to tell apart beside the answer."""

DOUBT = 0.25
"""How much stranger than what is still familiar a text may be until nothing is said of it (a log of distance)."""


@dataclass(frozen=True, slots=True)
class Material:
    """What is known of n queries or documents, as MiniLM and the tower read them.

    `words` (n, length, 384) with `spoken` (n, length), true where there is a word; `said` (n, 384), the text's unit
    vector; `patches` (n, 16, 384) and `seen` (n, 384), the photo's unit vector; `trust` (n,) from 0 to 1, how far the
    photo counts. What is missing, a text or a photo, is zeros.
    """

    words: Tensor
    spoken: Tensor
    said: Tensor
    patches: Tensor
    seen: Tensor
    trust: Tensor

    def at(self, places: Tensor) -> "Material":
        """Some of it, in another order."""
        return Material(*(getattr(self, field.name)[places] for field in fields(self)))

    def fused(self) -> Tensor:
        """The unit vectors (n, 384) that the embedder makes of it."""
        return F.normalize(self.said + MOST * self.trust[:, None] * self.seen, dim=1)


class Familiarity(nn.Module):
    """How much a document's text is like those that training showed: 1 where it is, next to nothing far away.

    A network says confident things of texts of which it knows nothing; where it does not know its way, it is to say
    hardly more than that it does not know.
    """

    AXES = 200

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(DIMENSIONS))
        self.register_buffer("axes", torch.zeros(DIMENSIONS, self.AXES))
        self.register_buffer("spread", torch.ones(self.AXES))
        self.register_buffer("rest", torch.ones(1))
        self.register_buffer("bounds", torch.tensor([0.0, DOUBT]))

    def strangeness(self, said: Tensor) -> Tensor:
        """The log of the distance of unit vectors (n, 384) from what is familiar: about 0 within (n,)."""
        centred = said - self.mean
        along = centred @ self.axes
        aside = (centred**2).sum(1) - (along**2).sum(1)
        return torch.log(0.5 * ((along / self.spread) ** 2).mean(1) + 0.5 * aside.clamp(min=0) / self.rest)

    def forward(self, said: Tensor) -> Tensor:
        low, high = self.bounds
        familiar = ((high - self.strangeness(said)) / (high - low)).clamp(WHISPER, 1)
        # A photo alone is doubted by its own trust.
        return torch.where((said**2).sum(1) > 0, familiar, torch.ones_like(familiar))

    def know(self, said: Tensor) -> None:
        """Take the unit vectors of documents' texts (n, 384) for familiar; where doubt begins, they decide too."""
        self.mean.copy_(said.mean(0))
        _, sizes, axes = torch.linalg.svd(said - self.mean, full_matrices=False)
        self.axes.copy_(axes[: self.AXES].T)
        self.spread.copy_(sizes[: self.AXES] / len(said) ** 0.5)
        self.rest.copy_((sizes[self.AXES :] ** 2).sum() / len(said))
        doubt = self.strangeness(said).quantile(0.98)
        self.bounds.copy_(torch.stack([doubt, doubt + DOUBT]))


class Reader(nn.Module):
    """Log-odds that a document answers a query: the query's words look for their like in the document."""

    def __init__(self, layers: int = 2, heads: int = 4, dropout: float = 0.1) -> None:
        super().__init__()
        self.words = nn.Sequential(nn.LayerNorm(DIMENSIONS), nn.Linear(DIMENSIONS, WIDTH))
        self.patches = nn.Sequential(nn.LayerNorm(DIMENSIONS), nn.Linear(DIMENSIONS, WIDTH))
        self.photo = nn.Linear(DIMENSIONS, WIDTH)
        self.text = nn.Linear(DIMENSIONS, WIDTH)
        self.places = nn.Parameter(0.02 * torch.randn(PATCHES, WIDTH))
        self.asking = nn.Parameter(0.02 * torch.randn(WIDTH))
        layer = nn.TransformerDecoderLayer(
            WIDTH, heads, 3 * WIDTH, dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.body = nn.TransformerDecoder(layer, layers, norm=nn.LayerNorm(WIDTH))
        self.views = nn.ModuleList(nn.Linear(DIMENSIONS, VIEWS * VIEW, bias=False) for _ in range(4))
        self.head = nn.Sequential(nn.Linear(WIDTH + 4 * (1 + VIEWS), 96), nn.GELU(), nn.Linear(96, 1 + len(ASPECTS)))
        self.familiarity = Familiarity()

    def laid_out(self, side: Material) -> tuple[Tensor, Tensor]:
        """Rows of vectors (n, length, 128), and which of them are empty: the whole, the words, the photo."""
        row, empty = [self.text(side.said)[:, None] + self.asking, self.words(side.words)], [~side.spoken]
        if side.trust.any():
            photo = torch.cat([self.photo(side.seen)[:, None], self.patches(side.patches) + self.places], 1)
            row.append(photo * side.trust[:, None, None])
            empty.append((side.trust == 0)[:, None].expand(-1, 1 + PATCHES))
        return torch.cat(row, 1), F.pad(torch.cat(empty, 1), (1, 0))

    def likeness(self, query: Material, document: Material) -> Tensor:
        """How the wholes agree, text and photo with text and photo, as they are and in what each view makes of them."""
        sides = [
            [
                (side.said, side.said.any(1)),
                (side.seen, side.trust),
            ]
            for side in (query, document)
        ]
        found = []
        for i, (mine, here) in enumerate(sides[0]):
            for j, (its, there) in enumerate(sides[1]):
                viewed = [
                    F.normalize(self.views[view](vector).unflatten(1, (VIEWS, VIEW)), dim=2)
                    for view, vector in ((i, mine), (2 + j, its))
                ]
                cosines = torch.cat([(mine * its).sum(1, keepdim=True), (viewed[0] * viewed[1]).sum(2)], 1)
                found.append(cosines * (here * there)[:, None])
        return 4 * torch.cat(found, 1)

    def forward(self, query: Material, document: Material) -> Tensor:
        """The log-odds (n,) of pairs."""
        return self.familiarity(document.said) * self.opinion(query, document)[:, 0]

    def opinion(self, query: Material, document: Material) -> Tensor:
        """The log-odds (n, 5) that the document answers, and that its kind, colour and so on are those asked for.

        However strange the document is; the training alone looks at any but the first.
        """
        asked, silent = self.laid_out(query)
        told, empty = self.laid_out(document)
        read = self.body(asked, told, tgt_key_padding_mask=silent, memory_key_padding_mask=empty)[:, 0]
        return self.head(torch.cat([read, self.likeness(query, document)], 1))
