"""Results that others measured: logs of other tools."""
