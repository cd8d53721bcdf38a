"""The application's own benchmark: suites, candidates, runs, figures with their intervals, reports."""
