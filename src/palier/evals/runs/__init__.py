"""Asking candidates through the production pipeline, and keeping what they answered."""
