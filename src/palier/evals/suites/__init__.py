"""The cases: read from files and checked, made from documents, traces and tables."""
