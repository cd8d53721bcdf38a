"""Guards: small, local checks of a text before it is used or released; a file each, a method each."""
