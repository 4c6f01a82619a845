"""The DRF endpoints: include ``catalog_search.api.urls``. Nothing else imports this package, so DRF stays optional."""

from ..extras import hinted

try:
    import drf_spectacular  # noqa: F401
    import rest_framework  # noqa: F401
except ImportError as error:
    raise ImportError(hinted(error), name=error.name) from error
