"""What a repository that needs ``trust_remote_code`` brings along: copied beside its modules.json, never imported."""

import hashlib

import torch
from sentence_transformers.base.modules.input_module import InputModule

SIZE = 16


def _words(text):
    seeds = [int.from_bytes(hashlib.blake2b(word.encode(), digest_size=4).digest(), "big") for word in text.split()]
    return sum((torch.randn(SIZE, generator=torch.Generator().manual_seed(one)) for one in seeds), torch.zeros(SIZE))


def _features(part):
    if isinstance(part, str):
        part = {"text": part}
    if not isinstance(part, dict) or None in part.values():
        raise ValueError(f"Neither a text nor a dict of text and image: {part!r}")
    found = _words(part.get("text", "")) + 1e-3
    if "image" in part:
        colour = torch.tensor(part["image"].resize((1, 1)).getpixel((0, 0)), dtype=torch.float32) / 255
        found = found + torch.nn.functional.pad(colour, (0, SIZE - 3))
    return found


class TinyEmbedder(InputModule):
    modalities = ["text", "image", ("image", "text")]

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))

    def preprocess(self, inputs, prompt=None, **kwargs):
        return {"parts": torch.stack([_features(one) for one in inputs])}

    def forward(self, features, **kwargs):
        features["sentence_embedding"] = features["parts"] * self.scale
        return features

    def get_embedding_dimension(self):
        return SIZE

    def save(self, output_path, *args, **kwargs):
        raise NotImplementedError

    @classmethod
    def load(cls, *args, **kwargs):
        return cls()


class TinyFusingReranker(TinyEmbedder):
    def preprocess(self, inputs, prompt=None, **kwargs):
        return {"parts": torch.stack([torch.stack([_features(one) for one in pair]) for pair in inputs])}

    def forward(self, features, **kwargs):
        query, document = features["parts"].unbind(1)
        features["scores"] = torch.nn.functional.cosine_similarity(query, document).unsqueeze(1) * 20 * self.scale
        return features


class TinyReranker(TinyFusingReranker):
    # One of both at a time, as jina-reranker-m0.
    modalities = ["text", "image"]

    def preprocess(self, inputs, prompt=None, **kwargs):
        for pair in inputs:
            if any(isinstance(part, dict) and len(part) != 1 for part in pair):
                raise ValueError(f"One of text and image at a time: {pair!r}")
        return super().preprocess(inputs)
