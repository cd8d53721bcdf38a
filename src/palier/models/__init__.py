"""Sources of answers: each file one kind, all behind `palier.interfaces.Model`."""
