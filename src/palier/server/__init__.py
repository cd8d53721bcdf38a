"""The OpenAI wire and palier's own, over pure ASGI."""
