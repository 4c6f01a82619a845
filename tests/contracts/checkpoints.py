"""Tiny checkpoints with random weights, laid out on disk as the real ones are.

Each function fills a folder that loads by its name, as a model of the hub does: the loading code is the real one, only
the weights are few and mean nothing.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    BertTokenizerFast,
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPProcessor,
    CLIPTokenizer,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
    Siglip2Config,
    Siglip2ImageProcessorPil,
    Siglip2Model,
    Siglip2Processor,
    Siglip2Tokenizer,
    SiglipConfig,
    SiglipImageProcessor,
    SiglipModel,
    SiglipProcessor,
    XLMRobertaConfig,
    XLMRobertaForSequenceClassification,
    XLMRobertaTokenizer,
)

WORDS = ["red", "blue", "green", "mug", "chair", "dress", "summer", "a", "photo", "of", "the", "word", "garden", "none"]
THIN = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
PROJECTION = 24
Size = dict[str, int]


def clip(folder: Path, projection: int = PROJECTION, text: Size | None = None, vision: Size | None = None) -> Path:
    """CLIP as transformers saves it: what BGE-VL and openai/clip-* look like."""
    vision = {**THIN, "image_size": 32, "patch_size": 8, **(vision or {})}
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    letters = [chr(code) for code in range(33, 127)]
    vocabulary = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(vocabulary)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77)
    end = {"bos_token_id": len(vocabulary) - 2, "eos_token_id": len(vocabulary) - 1, "pad_token_id": 1}
    config = CLIPConfig(
        text_config={**THIN, **end, "vocab_size": len(vocabulary), "max_position_embeddings": 77, **(text or {})},
        vision_config=vision,
        projection_dim=projection,
    )
    CLIPModel(config).save_pretrained(folder)
    edge = vision["image_size"]
    images = CLIPImageProcessor(size={"shortest_edge": edge}, crop_size={"height": edge, "width": edge})
    CLIPProcessor(image_processor=images, tokenizer=tokenizer).save_pretrained(folder)
    return folder


def legacy_clip(folder: Path) -> Path:
    """The layout of sentence-transformers/clip-ViT-*: the checkpoint in a folder that modules.json names."""
    clip(folder / "0_CLIPModel")
    module = {"idx": 0, "name": "0", "path": "0_CLIPModel", "type": "sentence_transformers.models.CLIPModel"}
    (folder / "modules.json").write_text(json.dumps([module]))
    return folder


def bge_vl(folder: Path) -> Path:
    """CLIP whose configuration names code of its own, which nobody needs."""
    clip(folder)
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModel": "modeling_MMRet_CLIP.CLIPModel"}
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def siglip(folder: Path, text: Size | None = None, vision: Size | None = None) -> Path:
    """SigLIP, and SigLIP 2 of fixed resolution, which has the same architecture."""
    torch.manual_seed(0)
    tokenizer = _bytes_tokenizer(model_max_length=64)
    vision = {**THIN, "image_size": 32, "patch_size": 8, **(vision or {})}
    text = {"vocab_size": len(tokenizer), "max_position_embeddings": 64, **THIN, **(text or {})}
    text["projection_size"] = text["hidden_size"]
    SiglipModel(SiglipConfig(text_config=text, vision_config=vision)).save_pretrained(folder)
    images = SiglipImageProcessor(size={"height": vision["image_size"], "width": vision["image_size"]})
    SiglipProcessor(image_processor=images, tokenizer=tokenizer).save_pretrained(folder)
    return folder


def siglip2(folder: Path) -> Path:
    """SigLIP 2 of native resolution (naflex)."""
    torch.manual_seed(0)
    marks = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁"]
    vocabulary = [*marks, *(chr(code) for code in range(97, 123)), *(f"<0x{byte:02X}>" for byte in range(256))]
    tokenizer = Siglip2Tokenizer({token: number for number, token in enumerate(vocabulary)}, model_max_length=64)
    text = {**THIN, "vocab_size": len(tokenizer), "max_position_embeddings": 64, "projection_size": 32}
    config = Siglip2Config(text_config=text, vision_config={**THIN, "patch_size": 16, "num_patches": 256})
    Siglip2Model(config).save_pretrained(folder)
    images = Siglip2ImageProcessorPil()  # of 256 patches of 16 pixels: its processor knows no other
    Siglip2Processor(image_processor=images, tokenizer=tokenizer).save_pretrained(folder)
    return folder


def text_encoder(folder: Path, similarity: str = "cosine", normalised: bool = True, size: int = PROJECTION) -> Path:
    """A text-only SentenceTransformer: BERT, mean pooling, and Normalize where asked for."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling

    torch.manual_seed(0)
    plain = folder / "plain"
    tokenizer = _words_tokenizer(plain)
    config = BertConfig(**THIN | {"hidden_size": size}, vocab_size=len(tokenizer), max_position_embeddings=64)
    BertModel(config).save_pretrained(plain)
    modules = [Transformer(str(plain)), Pooling(size, "mean"), *([Normalize()] if normalised else [])]
    SentenceTransformer(modules=modules, similarity_fn_name=similarity, device="cpu").save(str(folder))
    return folder


def cross_encoder(folder: Path, labels: int = 1, **size: int) -> Path:
    """A BERT cross-encoder, as of the ms-marco-MiniLM family."""
    torch.manual_seed(0)
    tokenizer = _words_tokenizer(folder)
    sizes = {"vocab_size": len(tokenizer), "max_position_embeddings": 64, **THIN, **size}
    config = BertConfig(**sizes, num_labels=labels)
    _loud(BertForSequenceClassification(config)).save_pretrained(folder)
    return folder


def xlm_roberta_cross_encoder(folder: Path) -> Path:
    """A cross-encoder of many languages, as bge-reranker-v2-m3."""
    torch.manual_seed(0)
    marks = ("<s>", "<pad>", "</s>", "<unk>", "▁", "<mask>")
    letters = [(chr(code), -2.0) for code in range(97, 123)]
    tokenizer = XLMRobertaTokenizer(vocab=[*((mark, 0.0) for mark in marks), *letters], model_max_length=64)
    ends = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2}
    sizes = {**THIN, "vocab_size": len(tokenizer), "max_position_embeddings": 66, "type_vocab_size": 1}
    _loud(XLMRobertaForSequenceClassification(XLMRobertaConfig(**sizes, **ends, num_labels=1))).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def chat_reranker(folder: Path, architecture: str, dtype: str = "float32", **size: int) -> Path:
    """A text reranker that chats, of "qwen3" (Qwen3-Reranker) or "qwen2" (mxbai-rerank v2) architecture."""
    torch.manual_seed(0)
    config_class, model_class = {
        "qwen3": (Qwen3Config, Qwen3ForCausalLM),
        "qwen2": (Qwen2Config, Qwen2ForCausalLM),
    }[architecture]
    tokenizer = _bytes_tokenizer(model_max_length=512, padding_side="left")
    # Real ones are of both kinds: made for contents that are texts, or lists of parts.
    tokenizer.chat_template = FLAT_CHAT if architecture == "qwen3" else CHAT
    heads = {"num_key_value_heads": 1, "head_dim": 16, "vocab_size": len(tokenizer), "max_position_embeddings": 1024}
    config = config_class(**{**THIN, **heads, **size})
    _loud(model_class(config)).to(getattr(torch, dtype)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def qwen3_vl(folder: Path, **sizes: Any) -> Path:
    """Qwen3-VL-Embedding: text, picture and both through one model, the last token pooled. Needs torchvision."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling

    transformer = Transformer(str(_qwen3_vl(folder / "plain", **sizes)))
    modules = [transformer, Pooling(transformer.get_embedding_dimension(), "lasttoken"), Normalize()]
    SentenceTransformer(modules=modules, device="cpu").save(str(folder))
    return folder


def qwen3_vl_reranker(folder: Path, **sizes: Any) -> Path:
    """Qwen3-VL-Reranker: the log-odds of "yes" against "no". Needs torchvision."""
    from sentence_transformers import CrossEncoder
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.cross_encoder.modules import LogitScore

    plain = str(_qwen3_vl(folder / "plain", **sizes))
    yes, no = AutoTokenizer.from_pretrained(plain).convert_tokens_to_ids(["yes", "no"])
    modules = [Transformer(plain, transformer_task="any-to-any"), LogitScore(yes, no)]
    CrossEncoder(modules=modules, activation_fn=torch.nn.Identity(), device="cpu").save(str(folder))
    return folder


def remote_code(folder: Path, class_name: str) -> Path:
    """A repository that brings its own module, as those of NVIDIA, Jina and BGE-VL-MLLM do."""
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(Path(__file__).with_name("repository_code.py"), folder / "modeling_tiny.py")
    module = {"idx": 0, "name": "0", "path": "", "type": f"modeling_tiny.{class_name}"}
    (folder / "modules.json").write_text(json.dumps([module]))
    (folder / "config.json").write_text(json.dumps({"model_type": "tiny"}))
    kind = "CrossEncoder" if "Reranker" in class_name else "SentenceTransformer"
    (folder / "config_sentence_transformers.json").write_text(json.dumps({"model_type": kind}))
    return folder


def pickled(folder: Path) -> Path:
    """A text encoder whose weights are a pickle, as of years ago."""
    text_encoder(folder)
    weights = folder / "model.safetensors"
    torch.save(load_file(weights), folder / "pytorch_model.bin")
    weights.unlink()
    return folder


def remote_transformer(folder: Path) -> Path:
    """A repository whose configuration maps transformers' own classes to code that it brings."""
    torch.manual_seed(0)
    tokenizer = _words_tokenizer(folder)
    config = BertConfig(**THIN, vocab_size=len(tokenizer), max_position_embeddings=64)
    BertModel(config).save_pretrained(folder)
    (folder / "modeling_own.py").write_text(
        "from transformers import BertConfig, BertModel\n\n\n"
        "class OwnConfig(BertConfig):\n    model_type = 'own'\n\n\n"
        "class OwnModel(BertModel):\n    config_class = OwnConfig\n"
    )
    own = {"model_type": "own", "architectures": ["OwnModel"]}
    own["auto_map"] = {"AutoConfig": "modeling_own.OwnConfig", "AutoModel": "modeling_own.OwnModel"}
    (folder / "config.json").write_text(json.dumps(json.loads((folder / "config.json").read_text()) | own))
    return folder


CHAT = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content %}"
    "{% if part.type == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part.text }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
FLAT_CHAT = (
    "<|im_start|>user\n<Query>: {{ messages | selectattr('role', 'eq', 'query') | map(attribute='content') | first }}\n"
    "<Document>: {{ messages | selectattr('role', 'eq', 'document') | map(attribute='content') | first }}<|im_end|>\n"
    "<|im_start|>assistant\n"
)
_MARKS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>"]
_BERT_MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_PADS = ["<|image_pad|>", "<|video_pad|>"]


def _bytes_tokenizer(**options: Any) -> Any:
    """Return a tokenizer that knows every byte, the marks of a chat, "yes" and "no"."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE(vocab={letter: number for number, letter in enumerate(alphabet)}, merges=[]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=_MARKS[3:] + _PADS + _MARKS[1:2],
        **options,
    )
    tokenizer.add_tokens(["yes", "no"])
    return tokenizer


def _words_tokenizer(folder: Path) -> Any:
    folder.mkdir(parents=True, exist_ok=True)
    letters = [chr(code) for code in range(97, 123)]
    vocabulary = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *letters,
        *(f"##{letter}" for letter in letters),
        *WORDS,
    ]
    (folder / "vocab.txt").write_text("\n".join(dict.fromkeys(vocabulary)))
    tokenizer = BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=64)
    tokenizer.save_pretrained(folder)
    return tokenizer


def _loud(model: Any) -> Any:
    """Multiply the weights, so that scores of random models differ by more than rounding."""
    with torch.no_grad():
        for weights in model.parameters():
            weights.mul_(8 if weights.dim() > 1 else 1)
    return model


def _qwen3_vl(folder: Path, text: Size | None = None, vision: Size | None = None, sections: Any = (4, 2, 2)) -> Path:
    from transformers import (
        Qwen2VLImageProcessor,
        Qwen3VLConfig,
        Qwen3VLForConditionalGeneration,
        Qwen3VLProcessor,
        Qwen3VLVideoProcessor,
    )

    torch.manual_seed(0)
    tokenizer = _bytes_tokenizer(model_max_length=2048)
    tokenizer.image_token, tokenizer.video_token = _PADS
    patches = {"patch_size": (vision or {}).get("patch_size", 4), "merge_size": 2, "temporal_patch_size": 2}
    images = Qwen2VLImageProcessor(**patches, size={"shortest_edge": 8 * 8, "longest_edge": 32 * 32})
    processor = Qwen3VLProcessor(
        image_processor=images,
        tokenizer=tokenizer,
        video_processor=Qwen3VLVideoProcessor(**patches),
        chat_template=CHAT,
    )
    identifiers = dict(zip([*_MARKS, *_PADS], tokenizer.convert_tokens_to_ids([*_MARKS, *_PADS]), strict=True))
    rope = {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": list(sections), "mrope_interleaved": True}
    config = Qwen3VLConfig(
        text_config={
            **THIN,
            "num_key_value_heads": 1,
            "head_dim": 16,
            "vocab_size": len(tokenizer),
            "max_position_embeddings": 4096,
            "rope_parameters": rope,
            **(text or {}),
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_heads": 2,
            "patch_size": 4,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
            "out_hidden_size": (text or THIN)["hidden_size"],
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0],
            **(vision or {}),
        },
        image_token_id=identifiers["<|image_pad|>"],
        video_token_id=identifiers["<|video_pad|>"],
        tie_word_embeddings=True,
        vision_start_token_id=identifiers["<|vision_start|>"],
        vision_end_token_id=identifiers["<|vision_end|>"],
    )
    _loud(Qwen3VLForConditionalGeneration(config)).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
