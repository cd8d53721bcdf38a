"""Heads as files: linear classifiers on sentence embeddings and n-grams, read by tiers and by guards."""
