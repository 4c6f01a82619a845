"""Learning which pictures can be read: drawings beside their own texts, against all that the tower cannot know."""

from io import BytesIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from ..drawing.catalogue import listed
from ..drawing.picture import draw
from .examples import SIDE
from .model import text_vectors
from .tower import Eye, pixels
from .trust import Trust
from .unreadable import unreadable

TRUSTED = 2000
"""So many training pictures say what is familiar."""

PRODUCTS = 500
OTHER_SEED = 1000
"""The catalogue that trust is learnt from is not the shop's: its seed lies so far from it."""


def document_text(product: dict[str, str]) -> str:
    """What a shop would embed of a product beside its photo."""
    return f"{product['name']}. {product['brand']}. {product['description']}"


@torch.inference_mode()
def read(eye: Eye, seen: Tensor | np.ndarray) -> tuple[Tensor, Tensor]:
    """Pooled features and vectors of pictures (n, 112, 112, 3), as the tower gives them."""
    parts = [eye(part) for part in torch.as_tensor(seen).split(256)]
    return torch.cat([pooled for pooled, _ in parts]), torch.cat([vector for _, vector in parts])


def saved_and_opened(image: Image.Image, rng: np.random.Generator) -> np.ndarray:
    """A picture as it comes back from a JPEG of a shop, in the tower's size."""
    file = BytesIO()
    image.save(file, "JPEG", quality=int(rng.integers(60, 95)))
    return pixels(Image.open(file))


def learn_trust(eye: Eye, familiar: np.ndarray, landmarks: Tensor, seed: int) -> Trust:
    """Fit the rule for fusing.

    `familiar` are pictures (n, 128, 128, 3) that the tower was trained on, `landmarks` the unit vectors of one
    caption for every kind in every pattern.
    """
    rng = np.random.default_rng(seed)
    products, shots = zip(*listed(PRODUCTS, seed + OTHER_SEED), strict=True)
    said = torch.from_numpy(text_vectors([document_text(product) for product in products]))
    trust = Trust()
    known = np.stack([pixels(Image.fromarray(picture)) for picture in familiar])
    trust.know(*read(eye, known), said, landmarks)

    drawn = [
        draw(photos[0].spec, photos[0].seed, int(rng.choice([160, 256, 400])))
        for photos in tqdm(shots, "drawing a shop", mininterval=5)
    ]
    own = read(eye, np.stack([saved_and_opened(image, rng) for image in drawn]))
    spoilt = unreadable(np.stack([np.asarray(image.resize((SIDE, SIDE))) for image in drawn]), seed)
    lost = read(eye, np.stack([saved_and_opened(Image.fromarray(picture), rng) for picture in spoilt]))
    wrong = said.roll(len(said) // 2, 0)
    told = [product["truth"]["said_in"] for product in products]
    readable = torch.tensor([float(where != "text") for where in told])
    # A photo that tells what its text leaves out agrees less, and matters most.
    weight = torch.tensor([2.0 if where == "photo" else 1.0 for where in told])
    nothing, one = torch.zeros(len(told)), torch.ones(len(told))
    trust.fit(
        torch.cat([trust.signs(*own, said), trust.signs(*lost, said), trust.signs(*own, wrong)]),
        torch.cat([readable, nothing, nothing]),
        torch.cat([weight, one, 0.15 * one]),
    )
    return trust
