"""What is kept: documents, passages and vectors, traces. SQL stands in `.sql` files."""
