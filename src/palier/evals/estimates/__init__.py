"""What the figures of candidates say: intervals, comparisons, overfit, what bigger buys."""
