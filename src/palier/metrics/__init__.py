"""Numbers that carry what they are: cost and energy."""
