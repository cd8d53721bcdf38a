"""A copy of all that an installation is, made while it runs, and put back into a new folder."""
