"""What may leave: labels, the gate, and the one connector."""
