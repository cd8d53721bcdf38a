"""Work beside the request: worker processes."""
