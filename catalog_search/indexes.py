"""SearchIndex: what a shop declares about its product model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from asgiref.sync import sync_to_async
from django.conf import settings as django_settings
from django.core.exceptions import FieldDoesNotExist
from django.db.models import CharField, F, Q, QuerySet, Value
from django.db.models.functions import Cast, Coalesce, Concat, NullIf

from .boosts import Boost
from .exceptions import CatalogSearchError
from .facets import Facet
from .languages import agree, primary_subtag
from .paths import Path, flatten, followed, path_name, plain_text, readable, resolve
from .registry import registry

if TYPE_CHECKING:
    from django.db.models import Model
    from django.db.models.expressions import Combinable, OrderBy
    from django.http import HttpRequest

    from .searching.results import Hit, Results

WEIGHTS = "ABCD"  # PostgreSQL's four


@cache
def field_weight(position: int, fields: int) -> str:
    """Return the weight of a text field: the first has A, each next the one below; more than four share the middle."""
    spread = round(position * (len(WEIGHTS) - 1) / max(fields - 1, 1))
    return WEIGHTS[min(position, max(spread, 1))]


class SearchIndex:
    """Declares how one product model is searched; register a subclass with ``@register(Model)``.

    Paths are dotted ("brand.name"): attributes, dict keys, methods without arguments, related managers
    ("images.file") and querysets resolve; in ``text`` a callable that takes the product does as well.
    """

    name: ClassVar[str] = ""
    """Name in URLs and commands; default: the model's name in lower case."""
    text: ClassVar[Sequence[Path]] = ()
    """What products say, the title first, the longest and least telling last: see ``field_weight``."""
    keywords: ClassVar[Sequence[Path]] = ()
    """Long lists such as specifications: found by their words, weighted least, and kept from the models."""
    image: ClassVar[Path | Sequence[Path]] = ()
    """Where the pictures are: an ImageField, a dotted path to one, or several."""
    identifiers: ClassVar[Sequence[Path]] = ()
    """SKU, EAN, part number: found exactly and by prefix, never corrected."""
    facets: ClassVar[Sequence[Facet]] = ()
    sorts: ClassVar[dict[str, str]] = {}
    """Orders a visitor can ask for: {"price": "price", "newest": "-created"}; products without a value come last."""
    browse_order: ClassVar[str] = ""
    """The order where nothing is asked for: "-popularity"; default: the first of ``sorts``, or the newest key."""
    boosts: ClassVar[Sequence[Boost]] = ()
    """What lifts a product among those that answer a query about as well: see ``catalog_search.boosts``."""
    follow: ClassVar[Sequence[str]] = ()
    """Relations whose changes re-index the products concerned: ["brand", "images"]."""
    languages: ClassVar[Sequence[str]] = ()
    """One document for each, its texts read under that language; default: LANGUAGE_CODE alone."""
    variants: ClassVar[str] = ""
    """What ties variants together: a foreign key to the parent product, or a field they share ("style_code")."""
    group_by: ClassVar[bool] = False
    """Do results show one product of each family, the best match, and count families?"""
    api: ClassVar[bool] = False
    """Do the API endpoints answer for this index?"""
    serializer: ClassVar[Any] = None
    """The shop's own DRF serializer of a product, or its dotted path: adds its fields to every hit of the API."""
    version: ClassVar[int] = 1
    """Raise it when a callable above changes its meaning: a new generation is then due."""

    def __init__(self, model: type[Model]) -> None:
        self.model = model
        self.label = model._meta.label_lower
        self.language_codes = tuple(self.languages) or (primary_subtag(django_settings.LANGUAGE_CODE),)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.label}>"

    def has_language(self, language: str) -> bool:
        """Is a language, with or without country and script, one of its own?"""
        return any(agree(language, one) for one in self.language_codes)

    @property
    def image_paths(self) -> Sequence[Path]:
        """The paths of ``image``, where it is one or several."""
        return [self.image] if isinstance(self.image, str) or callable(self.image) else self.image

    def index_queryset(self) -> QuerySet[Any]:
        """Return the products that are indexed; drafts too, for the admin finds them by this index."""
        return self.model._default_manager.all()

    def queryset(self, request: HttpRequest | None = None) -> QuerySet[Any]:
        """Return the products that this visitor may see; joined to every search of storefront and API."""
        return self.model._default_manager.all()

    def keys(self, texts: Iterable[str]) -> dict[str, Any]:
        """Return primary keys by how they are written; what cannot be one is left out."""
        return readable(self.model._meta.pk, texts)

    def keys_by(self, name: str, values: Iterable[Any], products: QuerySet[Any]) -> Mapping[str, str]:
        """Return primary keys, as text, by the values of a field, of some products; raises CatalogSearchError."""
        meta = self.model._meta
        try:
            field = meta.pk if name == "pk" else meta.get_field(name)
        except FieldDoesNotExist:
            names = ", ".join(one.name for one in meta.concrete_fields)
            raise CatalogSearchError(f'{self.label} has no field "{name}" for a key; it has: {names}.') from None
        named = readable(field, values)
        found = products.filter(**{f"{name}__in": named.values()}).order_by()
        keys = {value: str(key) for value, key in found.values_list(name, "pk")}
        return {written: keys[value] for written, value in named.items() if value in keys}

    def family(self, product: Any) -> QuerySet[Any]:
        """Return a product and its variants, by ``variants``."""
        rows = self.model._base_manager.all()
        if not self.variants:
            return rows.filter(pk=product.pk)
        field: Any = self.model._meta.get_field(self.variants)
        shared = getattr(product, field.attname)
        if self._leads_to_products(field):
            root = shared or product.pk
            return rows.filter(Q(**{self.variants: root}) | Q(pk=root))
        return rows.filter(Q(pk=product.pk) | (Q() if shared in (None, "") else Q(**{field.attname: shared})))

    def family_key(self) -> Combinable:
        """Return the expression that members of one family share, by ``variants``; else a product's own key."""
        if not self.variants:
            return F("pk")
        field: Any = self.model._meta.get_field(self.variants)
        if self._leads_to_products(field):
            return Coalesce(F(field.attname), F("pk"))
        shared = NullIf(Cast(F(field.attname), CharField()), Value(""))
        return Coalesce(shared, Concat(Value(":"), Cast(F("pk"), CharField()), output_field=CharField()))

    def _leads_to_products(self, field: Any) -> bool:
        """Is it a foreign key to the products themselves, as a proxy or an heir of their model has, too?"""
        other = field.related_model
        return other is not None and issubclass(self.model, other._meta.concrete_model)

    def facts(self) -> list[Any]:
        """Return what ranking reads of each product: the expression of its family, then that of each boost."""
        return [self.family_key(), *(boost.column for boost in self.boosts)]

    def order(self, sort: str = "") -> list[OrderBy]:
        """Return the order of a sort, or that of browsing; whatever direction, what has no value comes last."""
        written = self.sorts[sort] if sort else self.browse_order or next(iter(self.sorts.values()), "-pk")
        lookup = written.lstrip("-").replace(".", "__")
        field = followed(self.model, lookup).field
        # Only where needed: no index is in this order.
        last = True if field is None or field.null or "__" in lookup else None
        by = F(lookup)
        return [by.desc(nulls_last=last) if written.startswith("-") else by.asc(), F("pk").asc()]

    def text_parts(self, product: Model) -> tuple[str, ...]:
        """Return the texts of a product, one for each entry of ``text``, as plain text."""
        return tuple(plain_text(resolve(product, path)) for path in self.text)

    def keyword_parts(self, product: Model) -> tuple[str, ...]:
        """Return the texts that only words find, one for each entry of ``keywords``."""
        return tuple(plain_text(resolve(product, path)) for path in self.keywords)

    def picture_files(self, product: Model) -> list[Any]:
        """Return the files of a product's pictures (FieldFile or anything with a name, a size and ``open``)."""
        found = (file for path in self.image_paths for file in flatten(resolve(product, path)))
        return [file for file in found if file]

    def identifier_values(self, product: Model) -> list[str]:
        """Return the identifiers of a product as the shop writes them."""
        found = (value for path in self.identifiers for value in flatten(resolve(product, path)))
        return [str(value) for value in found if value not in (None, "")]

    def definition(self) -> dict[str, Any]:
        """Return what decides a document's content, in a form that JSON keeps: part of a generation's fingerprint."""
        return {
            "text": [path_name(path) for path in self.text],
            "keywords": [path_name(path) for path in self.keywords],
            "image": [path_name(path) for path in self.image_paths],
            "identifiers": [path_name(path) for path in self.identifiers],
            "languages": list(self.language_codes),
            "version": self.version,
        }

    @classmethod
    def search(cls, text: str = "", **options: Any) -> Results:
        """Search this index; see ``catalog_search.searching.search`` for the options."""
        # The one upward step: a declaration must be importable before the models that searching needs.
        from .searching import search

        return search(registry.of(cls), text, **options)

    @classmethod
    async def asearch(cls, text: str = "", **options: Any) -> Results:
        """Search from an async view: ``search`` in a thread, so that the loop goes on meanwhile."""
        return await sync_to_async(cls.search)(text, **options)

    @classmethod
    def registered(cls) -> SearchIndex:
        """Return the registered instance, for functions that take an index."""
        return registry.of(cls)

    @classmethod
    def similar(cls, product: Any, **options: Any) -> tuple[Hit, ...]:
        """Return products similar to one; see ``catalog_search.searching.similar.resembling`` for the options."""
        from .searching import similar

        return similar(registry.of(cls), product, **options)
