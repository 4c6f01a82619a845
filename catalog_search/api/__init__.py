"""The DRF endpoints: include ``catalog_search.api.urls``. Nothing else imports this package, so DRF stays optional."""
