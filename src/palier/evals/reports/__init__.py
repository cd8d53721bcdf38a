"""The report as data, page and Markdown; two of them compared; conditions for gates."""
