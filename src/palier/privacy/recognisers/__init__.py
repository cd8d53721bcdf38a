"""What finds personal data by its form: one thing one file, each registered in `palier.registry`."""
