"""Teaching the lower tiers: what a large model, or a person, answered becomes a small model that answers the same."""
