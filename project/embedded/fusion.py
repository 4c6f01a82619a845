"""One vector for a picture and a text together."""

from typing import Any

from torch import Tensor, nn
from torch.nn.functional import normalize

from .tower import BuiltInCode, ImageTower
from .trust import Trust


class Fusion(BuiltInCode):
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
        seen = picture["sentence_embedding"]
        said = normalize(self.text({**features, "modality": "text"})["sentence_embedding"], dim=1)
        weight = self.trust(picture["pooled"], seen, said)
        features["sentence_embedding"] = said + weight[:, None] * normalize(seen, dim=1)
        return features
