"""From a draft to a decision: confidence, threshold, reason."""
