"""One vector for a picture and a text together."""

from typing import Any

from sentence_transformers.base.modules import InputModule
from torch import Tensor, nn
from torch.nn.functional import normalize

from .tower import DIMENSIONS, ImageTower
from .trust import Trust


class Fusion(InputModule):
    """The route for `{"text", "image"}` documents: the picture's unit vector joins the text's, as far as trusted."""

    modalities = [("image", "text")]

    def __init__(self, text: nn.Sequential, image: ImageTower, trust: Trust) -> None:
        super().__init__()
        self.text = text
        self.image = image
        self.trust = trust

    def preprocess(self, inputs: list[dict[str, Any]], prompt: str | None = None, **kwargs: Any) -> dict[str, Tensor]:
        words = self.text[0].preprocess([{"text": item["text"]} for item in inputs], prompt=prompt)
        return {**words, **self.image.preprocess(inputs)}

    def forward(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        picture = self.image(dict(features))
        seen = normalize(picture["sentence_embedding"], dim=1)
        said = normalize(self.text({**features, "modality": "text"})["sentence_embedding"], dim=1)
        weight = self.trust(picture["pooled"], seen, said)
        features["sentence_embedding"] = said + weight[:, None] * seen
        return features

    def get_embedding_dimension(self) -> int:
        return DIMENSIONS

    def save(self, output_path: str, *args: Any, **kwargs: Any) -> None:
        """Fusion has no weights of its own."""
        raise NotImplementedError(
            "The embedded model is built in code: call build_embedder() instead of loading a folder."
        )
