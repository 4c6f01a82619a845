"""A small real multimodal model: MiniLM reads texts, a tower trained here reads pictures."""
