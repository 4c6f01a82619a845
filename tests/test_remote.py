"""Models behind an inference server: every shape of request, every fault of a server, over real HTTP."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.utils import timezone

from catalog_search import Content, backends
from catalog_search.backends.base import Embedder, Reranker
from catalog_search.backends.configuration import identity
from catalog_search.backends.dummy import DummyEmbedder, DummyReranker
from catalog_search.backends.remote import RemoteEmbedder, RemoteReranker
from catalog_search.bisection import bisect
from catalog_search.embedding import embed
from catalog_search.exceptions import ConfigurationError, ModelError, Unavailable
from catalog_search.images import Picture
from catalog_search.indexing import drain, is_outdated
from catalog_search.models import Change, Generation
from catalog_search.registry import registry
from project.shop.models import Product
from project.shop.search import ProductIndex

from .contracts.embedder import EmbedderContract
from .contracts.reranker import RerankerContract
from .inference import FAULTS, KEY, Inference, inference

REMOTE = "catalog_search.backends.remote.RemoteEmbedder"


@pytest.fixture(scope="module")
def server() -> Iterator[Inference]:
    with inference() as running:
        yield running


def embedder_at(server: Inference, behaviour: str = "fine", **options: Any) -> RemoteEmbedder:
    prompts = options.pop("prompts", None)
    return RemoteEmbedder({"url": server.url(behaviour)} | options, model="m", batch_size=2, prompts=prompts)


def reranker_at(server: Inference, behaviour: str = "fine", version: str = "/v1", **options: Any) -> RemoteReranker:
    activation = options.pop("activation", "none")
    place = {"url": server.url(behaviour, version)} | options
    return RemoteReranker(place, model="m", batch_size=2, activation=activation)


def test_a_text_that_is_refused_as_too_long_is_cut(server: Inference) -> None:
    embedder, long = embedder_at(server, "narrow"), "red mug " * 3000
    contents = [Content("blue mug"), Content(long), Content("poisonous " * 3000)]
    words, cut, poison = bisect(lambda some: embedder.encode(some, "document"), contents)

    assert np.allclose(words, embedder.encode([contents[0]], "document"))
    assert np.allclose(cut, embedder.encode([Content(long[:3000])], "document"))
    assert isinstance(poison, ModelError)
    assert any(len(text) > 3000 for _, _, body in server.asked for text in body.get("input", ()))


class TestTexts(EmbedderContract):
    """A text model behind anything that speaks OpenAI's protocol."""

    @pytest.fixture(scope="class")
    @classmethod
    def embedder(cls, server: Inference) -> Embedder:
        return embedder_at(server)


class TestFused(EmbedderContract):
    """A vision-language model behind vLLM: pictures and texts as chat messages."""

    @pytest.fixture(scope="class")
    @classmethod
    def embedder(cls, server: Inference) -> Embedder:
        return embedder_at(server, api="vllm", pictures="fused")


class TestApart(EmbedderContract):
    """A dual encoder behind Infinity: pictures and texts in requests of their own."""

    @pytest.fixture(scope="class")
    @classmethod
    def embedder(cls, server: Inference) -> Embedder:
        return embedder_at(server, api="infinity", pictures="apart")


class TestRerankedTexts(RerankerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def reranker(cls, server: Inference) -> Reranker:
        return reranker_at(server)


class TestRerankedByTei(RerankerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def reranker(cls, server: Inference) -> Reranker:
        return reranker_at(server, version="", api="tei")


class TestRerankedWithPictures(RerankerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def reranker(cls, server: Inference) -> Reranker:
        return reranker_at(server, api="vllm", pictures="fused")


def test_the_vectors_are_those_of_the_model_behind(server: Inference, red: Picture) -> None:
    contents = [Content("red mug"), Content("", red), Content("a mug", red), Content("blue")]
    remote = embedder_at(server, api="vllm", pictures="fused")

    assert np.stack(embed(remote, contents, "document", {})) == pytest.approx(
        np.stack(embed(DummyEmbedder(), contents, "document", {})), abs=1e-5
    )


def test_the_scores_are_those_of_the_model_behind(server: Inference) -> None:
    documents = [Content("mug"), Content("red mug"), Content("blue"), Content("red")]

    assert reranker_at(server).score(Content("red mug"), documents) == pytest.approx(
        DummyReranker().score(Content("red mug"), documents)
    )


def test_prompts_are_put_before_texts(server: Inference, red: Picture) -> None:
    prompts = {"query": "find: "}
    embedder_at(server, prompts=prompts).encode([Content("mug")], "query")
    assert server.asked[-1][2]["input"] == ["find: mug"]
    embedder_at(server, prompts=prompts).encode([Content("mug")], "document")
    assert server.asked[-1][2]["input"] == ["mug"]
    embedder_at(server, prompts=prompts, api="vllm", pictures="fused").encode([Content("mug", red)], "query")
    system, user = server.asked[-1][2]["messages"]
    assert system == {"role": "system", "content": [{"type": "text", "text": "find: "}]}
    assert [part["type"] for part in user["content"]] == ["text", "image_url"]


def test_known_families_need_no_words(server: Inference, red: Picture) -> None:
    model = "Qwen/Qwen3-VL-Embedding-2B"
    place = {"url": server.url(), "api": "vllm"}
    embedder = RemoteEmbedder(place, model=model)
    embedder.encode([Content("mug", red)], "query")
    local = "catalog_search.backends.local.SentenceTransformerEmbedder"

    assert (embedder.fuses, embedder.modalities) == (True, {"text", "image"})
    asked = server.asked[-1][2]
    assert [one["role"] for one in asked["messages"]] == ["system", "user", "assistant"]
    assert asked["messages"][0]["content"][0]["text"].startswith("Retrieve images or text")
    # As vLLM's own example for this family asks.
    assert (asked["continue_final_message"], asked["add_special_tokens"]) == (True, True)
    assert RemoteReranker(place, model="Qwen/Qwen3-VL-Reranker-2B").fuses
    assert not RemoteEmbedder({"url": server.url(), "api": "infinity"}, model="jinaai/clip-ViT-B-32").fuses
    assert identity({"BACKEND": REMOTE, "OPTIONS": {"model": model, "server": place}}) == identity(
        {"BACKEND": local, "OPTIONS": {"model": model}}
    )


def test_texts_too_long_are_cut_by_the_server(server: Inference, red: Picture) -> None:
    for api, pictures in (("vllm", ""), ("vllm", "fused"), ("infinity", ""), ("tei", "")):
        embedder_at(server, api=api, pictures=pictures).encode([Content("mug")], "query")
        asked = [server.asked[-1][2]]
        reranker_at(server, version="", api=api, pictures=pictures).score(Content("red"), [Content("mug", red)])
        asked.append(server.asked[-1][2])
        # TEI is told at its start, but for pairs; Infinity always does.
        assert [one.get("truncate_prompt_tokens") for one in asked] == [-1 if api == "vllm" else None] * 2
        assert asked[1].get("truncate", False) == (api == "tei")


def test_long_lists_go_in_batches(server: Inference) -> None:
    before = len(server.asked)
    embedder_at(server).encode([Content(f"mug {number}") for number in range(5)], "document")

    assert sorted(len(body["input"]) for _, _, body in server.asked[before:]) == [1, 2, 2]


def test_matryoshka_vectors_are_cut_and_made_unit(server: Inference) -> None:
    embedder = RemoteEmbedder({"url": server.url()}, model="m", truncate_dim=16)
    (vector,) = embed(embedder, [Content("red mug")], "query", {})

    assert vector.shape == (16,) == (embedder.dimensions,)
    assert np.linalg.norm(vector) == pytest.approx(1)


@pytest.mark.parametrize("fault", FAULTS)
def test_an_answer_that_makes_no_sense_is_an_error(server: Inference, fault: str) -> None:
    with pytest.raises(ModelError):
        embed(embedder_at(server, fault), [Content("red"), Content("mug")], "document", {})
    with pytest.raises(ModelError):
        reranker_at(server, fault).score(Content("red"), [Content("red"), Content("mug")])


@pytest.mark.django_db
def test_a_model_that_changed_its_dimensions_is_taken_back_when_it_is_the_old_one(
    indexed_shop: dict[str, Product], server: Inference, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = {"url": server.url(), "api": "vllm", "pictures": "fused", "seconds": 10.0}
    embedder = {"BACKEND": REMOTE, "OPTIONS": {"model": "m", "server": place}}
    settings.CATALOG_SEARCH |= {"EMBEDDER": embedder, "RETRY_SECONDS": 0}
    call_command("rebuild_search_index", sync=True, verbosity=0)
    backends.unload()
    with monkeypatch.context() as away:
        away.setattr(server, "embedder", DummyEmbedder(dimensions=63))
        indexed_shop["red mug"].name = "Ruby mug"
        indexed_shop["red mug"].save()
        drain()
        waiting = Change.objects.get(error__contains="63 dimensions")
        found = ProductIndex.search("mug")
    Change.objects.update(due_at=timezone.now())
    drain()

    assert (waiting.attempts, found.degraded) == (0, ("embedder",))
    assert not Change.objects.filter(generation=waiting.generation).exists()
    assert ProductIndex.search("ruby").hits[0].object == indexed_shop["red mug"]


def test_raw_scores_need_an_activation(server: Inference) -> None:
    documents = [Content("red"), Content("mug")]
    with pytest.raises(ModelError, match=r'"activation": "sigmoid"'):
        reranker_at(server, "raw").score(Content("red"), documents)

    scores = reranker_at(server, "raw", activation="sigmoid").score(Content("red"), documents)
    assert scores == pytest.approx([1 / (1 + np.exp(-7.5)), 0.5])


def test_a_busy_server_is_asked_again(server: Inference) -> None:
    before = len(server.asked)
    embedder_at(server, "busy-twice").encode([Content("mug")], "document")

    assert len(server.asked) - before == 3


def test_what_stays_busy_is_left_alone(server: Inference) -> None:
    embedder = embedder_at(server, "busy")
    for _ in range(3):
        with pytest.raises(Unavailable, match=r"does not answer: status (429|503), .*overloaded"):
            embedder.encode([Content("mug")], "query")
    before = len(server.asked)

    with pytest.raises(Unavailable, match="left alone"):
        embedder.encode([Content("mug")], "query")
    assert len(server.asked) == before


def test_an_input_that_a_server_crashes_on_is_no_outage(server: Inference) -> None:
    embedder = embedder_at(server, "crashing")
    for _ in range(4):
        with pytest.raises(ModelError, match=r"answered 500 .*index out of range") as raised:
            embedder.encode([Content("mug"), Content("poisonous")], "query")
        assert not isinstance(raised.value, Unavailable)

    assert embedder.encode([Content("mug")], "query").shape == (1, 64)


def test_an_answer_does_not_fill_the_memory(server: Inference, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalog_search.backends.server.LARGEST_ANSWER", 1_000_000)

    with pytest.raises(Unavailable, match="larger than 1000000 bytes"):
        embedder_at(server, "packed", seconds=20.0).encode([Content("mug")], "query")


def test_a_search_does_not_wait_for_a_slow_server(server: Inference) -> None:
    embedder = embedder_at(server, "slow", seconds=0.1)

    with pytest.raises(Unavailable, match="does not answer"):
        embedder.encode([Content("mug")], "query")
    assert embedder.encode([Content("mug")], "document").shape == (1, 64)  # indexing does


def test_a_search_does_not_wait_for_an_answer_that_comes_drop_by_drop(server: Inference) -> None:
    embedder = embedder_at(server, "dripping", seconds=0.3, connections=1)
    for _ in range(3):
        with pytest.raises(Unavailable, match="does not answer"):
            embedder.encode([Content("mug")], "query")

    with pytest.raises(Unavailable, match="left alone"):
        embedder.encode([Content("mug")], "query")


def test_a_search_does_not_wait_for_a_name_to_be_looked_up(server: Inference, monkeypatch: pytest.MonkeyPatch) -> None:
    known, away = socket.getaddrinfo, threading.Event()

    def slow(*arguments: Any, **options: Any) -> Any:
        away.wait(10)
        return known(*arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    embedder = embedder_at(server, seconds=0.2)
    with pytest.raises(Unavailable, match=r"nothing came within 0\.2 s"):
        embedder.encode([Content("mug")], "query")
    away.set()

    assert embedder.encode([Content("mug")], "document").shape == (1, 64)


def test_several_requests_share_one_deadline(server: Inference) -> None:
    # Each takes 1.5 s there, and one goes at a time.
    embedder = embedder_at(server, "slow", api="vllm", pictures="fused", seconds=2.0, connections=1)

    with pytest.raises(Unavailable):
        embedder.encode([Content("red mug"), Content("blue mug")], "query")


def test_nobody_there(server: Inference) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        embedder = RemoteEmbedder({"url": f"http://127.0.0.1:{taken.getsockname()[1]}/v1"}, model="m")

        with pytest.raises(Unavailable, match="does not answer"):
            embedder.encode([Content("mug")], "query")


def test_a_redirect_is_not_followed(server: Inference) -> None:
    before = len(server.asked)
    with pytest.raises(ModelError, match="answered 307"):
        embedder_at(server, "moved").encode([Content("mug")], "query")

    assert [path for path, _, _ in server.asked[before:]] == ["/moved/v1/embeddings"]


def test_the_key_comes_from_the_environment_and_goes_nowhere_else(
    server: Inference, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(ConfigurationError, match="MODEL_KEY holds no API key"):
        embedder_at(server, "closed", key="MODEL_KEY")
    monkeypatch.setenv("MODEL_KEY", "wrong")
    with pytest.raises(ModelError, match="refuses the key of the environment variable MODEL_KEY"):
        embedder_at(server, "closed", key="MODEL_KEY").encode([Content("mug")], "query")
    for unsendable in (f"{KEY}\nmore", f"\u201c{KEY}\u201d", "\n"):
        monkeypatch.setenv("MODEL_KEY", unsendable)
        with pytest.raises(ConfigurationError, match="MODEL_KEY holds no API key"):
            embedder_at(server, "closed", key="MODEL_KEY")
    for kept in (KEY, f"{KEY}\n"):
        monkeypatch.setenv("MODEL_KEY", kept)
        embedder_at(server, "closed", key="MODEL_KEY").encode([Content("mug")], "query")
    configuration = {"BACKEND": REMOTE, "OPTIONS": {"model": "m", "server": {"url": "http://a", "key": "MODEL_KEY"}}}

    assert KEY not in caplog.text
    assert "MODEL_KEY" not in str(identity(configuration))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"url": "ftp://models/v1"}, "http"),
        ({"url": "http://me:secret@models/v1"}, "password belongs in"),
        ({"url": "http://models/v1", "api": "grpc"}, "one of openai, vllm"),
        ({"url": "http://models/v1", "pictures": "fused"}, "only for vllm or infinity"),
        ({"url": "http://models/v1", "colour": "red"}, "colour"),
        ({}, "url"),
    ],
)
def test_wrong_options_say_what_to_write(settings: Any, options: dict[str, Any], message: str) -> None:
    settings.CATALOG_SEARCH = {"EMBEDDER": {"BACKEND": REMOTE, "OPTIONS": {"model": "m", "server": options}}}

    with pytest.raises(ConfigurationError, match=message):
        backends.get_embedder()


def test_the_same_model_has_the_same_identity_wherever_it_runs() -> None:
    local = {
        "BACKEND": "catalog_search.backends.local.SentenceTransformerEmbedder",
        "OPTIONS": {"model": "m", "revision": "1", "truncate_dim": 256, "device": "cuda"},
    }
    options = {"model": "m", "revision": "1", "truncate_dim": 256, "server": {"url": "http://models/v1"}}
    half = {"text_weight": 0.5, "model_kwargs": {"dtype": "bfloat16"}}

    assert RemoteEmbedder(**options, **half).weights == {"text": 0.5, "image": 1.0}
    assert identity({"BACKEND": REMOTE, "OPTIONS": options}) == identity(local)
    assert identity({"BACKEND": REMOTE, "OPTIONS": options | {"model": "n"}}) != identity(local)


@pytest.mark.django_db
def test_a_shop_moves_its_models_to_a_server(
    indexed_shop: dict[str, Product], server: Inference, settings: Any
) -> None:
    def at(behaviour: str) -> dict[str, Any]:
        place = {"url": server.url(behaviour), "api": "vllm", "pictures": "fused", "seconds": 0.3}
        reranker = {"BACKEND": REMOTE.replace("Embedder", "Reranker"), "OPTIONS": {"model": "r", "server": place}}
        embedder = {"BACKEND": REMOTE, "OPTIONS": {"model": "m", "server": place}}
        return {"EMBEDDER": embedder, "RERANKER": reranker, "MODEL_QUEUE": "nobody-is-asked", "RERANK_SECONDS": 60}

    settings.CATALOG_SEARCH |= at("fine")
    call_command("rebuild_search_index", sync=True, verbosity=0)
    fine = ProductIndex.search("red mug")
    settings.CATALOG_SEARCH |= at("busy")
    moved = is_outdated(registry.of(ProductIndex))
    busy = ProductIndex.search("blue mug")

    assert (fine.degraded, fine.reranked > 1, fine.hits[0].object.name) == ((), True, "Red mug")
    assert not moved
    assert busy.degraded == ("embedder", "reranker")
    assert busy.hits[0].object.name == "Blue mug"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("behaviour", "reason"), [("busy", "does not answer"), ("closed", "refuses the key"), ("away", "answered 404")]
)
def test_an_outage_blames_no_product(
    indexed_shop: dict[str, Product],
    server: Inference,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
    behaviour: str,
    reason: str,
) -> None:
    monkeypatch.setattr(RemoteEmbedder, "dimensions", 64)  # as it was known before
    place = {"url": server.url(behaviour), "timeout": 0.2}
    embedder = {"BACKEND": REMOTE, "OPTIONS": {"model": "m", "server": place}}
    settings.CATALOG_SEARCH |= {"EMBEDDER": embedder, "RETRY_SECONDS": 60}
    generation = Generation.objects.active("shop.product")
    assert generation is not None
    generation.definition["embedder"] = {"backend": REMOTE, "options": {"model": "m", "server": place}}
    generation.save()
    before = len(server.asked)
    for product in Product.objects.all():
        product.name += " again"
        product.save()
    drain()

    assert 0 < len(server.asked) - before <= 3  # the batch once, not each product on its own
    waiting = Change.objects.filter(generation=generation, error__contains=reason, attempts=0)
    assert waiting.filter(set_aside=False, claim=None).count() == 6
