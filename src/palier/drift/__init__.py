"""Drift: what goes by, compared with a reference window. Signals, the reference, one comparison, a lasting watch."""
