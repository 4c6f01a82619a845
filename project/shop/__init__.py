"""The demo shop: products as any shop has them, and the few lines that make them searchable."""
