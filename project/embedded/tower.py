"""The image tower: a small convolutional network from a picture to MiniLM's 384 dimensions."""

from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from sentence_transformers.base.modules import InputModule
from torch import Tensor, nn
from torch.nn.functional import normalize

SIDE = 112
DIMENSIONS = 384
POOLED = 2 * (96 + 192)
"""Mean and maximum of the channels of two levels: texture and shape."""


def pixels(image: Image.Image) -> np.ndarray:
    """A picture as the tower sees it: bytes (112, 112, 3), transparency on white, the frame filled up to a square."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    image = image.convert("RGB")
    image.thumbnail((4 * SIDE, 4 * SIDE), Image.Resampling.BOX)
    if image.width != image.height:
        frame = image.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
        image = ImageOps.pad(image, (max(image.size), max(image.size)), color=frame)
    return np.asarray(
        image.resize((SIDE, SIDE), Image.Resampling.BOX if image.width >= 2 * SIDE else Image.Resampling.BICUBIC)
    )


class Residual(nn.Module):
    """A convolution that adds to what it was given."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.GELU())

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def halved(width: int, wider: int, step: int = 2) -> nn.Sequential:
    """A convolution to a coarser grid with more channels."""
    padding = 1 if step == 2 else 0
    size = 3 if step == 2 else step
    return nn.Sequential(nn.Conv2d(width, wider, size, step, padding, bias=False), nn.BatchNorm2d(wider), nn.GELU())


class Eye(nn.Module):
    """The network: bytes (n, 112, 112, 3) to pooled features (n, POOLED) and vectors (n, 384).

    A vector is the shorter the less a picture and its mirror image agree.
    """

    def __init__(self) -> None:
        super().__init__()
        self.texture = nn.Sequential(halved(3, 64, 4), halved(64, 96), Residual(96), Residual(96))
        self.shape = nn.Sequential(halved(96, 192), Residual(192))
        self.reading = nn.Sequential(nn.Linear(POOLED, DIMENSIONS), nn.LayerNorm(DIMENSIONS), nn.GELU())
        self.saying = nn.Linear(DIMENSIONS, DIMENSIONS)

    def levels(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """What is seen at each place: texture (n, 96, 14, 14) and shape (n, 192, 7, 7)."""
        texture = self.texture(picture.permute(0, 3, 1, 2).float() / 127.5 - 1)
        return texture, self.shape(texture)

    def look(self, picture: Tensor) -> Tensor:
        """Pooled features, before they are made sense of."""
        return pooled(*self.levels(picture))

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        return self.understood(*self.levels(mirrored(picture)))

    def understood(self, texture: Tensor, shape: Tensor) -> tuple[Tensor, Tensor]:
        """Pooled features and vectors of pictures, from what is seen of each and of its mirror image: both show the
        same thing, so what one of them only seems to show counts half.
        """
        features = pooled(texture, shape)
        vectors = normalize(self.saying(self.reading(features)), dim=1)
        return features.view(2, -1, POOLED).mean(0), vectors.view(2, -1, DIMENSIONS).mean(0)


def mirrored(picture: Tensor) -> Tensor:
    """Pictures (n, side, side, 3), and behind them their mirror images."""
    return torch.cat([picture, picture.flip(2)])


def pooled(texture: Tensor, shape: Tensor) -> Tensor:
    """Mean and maximum of what is seen at all places (n, POOLED)."""
    levels = [level.flatten(2) for level in (texture, shape)]
    return torch.cat([part for level in levels for part in (level.mean(2), level.amax(2))], 1)


class BuiltInCode(InputModule):
    """A route of the embedded model: its weights belong to the code beside it, so no folder is written or loaded."""

    def get_embedding_dimension(self) -> int:
        return DIMENSIONS

    def save(self, output_path: str, *args: Any, **kwargs: Any) -> None:
        """Refuse: there is a function that builds the model."""
        raise NotImplementedError(
            "The embedded model is built in code: call build_embedder() instead of loading a folder."
        )


class ImageTower(BuiltInCode):
    """The route for pictures of a `SentenceTransformer`: PIL images or `{"image": picture}` to sentence embeddings."""

    modalities = ["image"]

    def __init__(self, eye: Eye) -> None:
        super().__init__()
        self.eye = eye

    def preprocess(self, inputs: list[Any], prompt: str | None = None, **kwargs: Any) -> dict[str, Tensor]:
        images = [item["image"] if isinstance(item, dict) else item for item in inputs]
        return {"pixel_values": torch.from_numpy(np.stack([pixels(image) for image in images]))}

    def forward(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        features["pooled"], features["sentence_embedding"] = self.eye(features["pixel_values"])
        return features
