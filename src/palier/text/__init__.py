"""What a text is made of: its language, its words, its sentences, its figures. Pure functions, no input or output.

`detect` names the language, `tokens` and `terms` the words to match by, `sentences` where each one stands (`windows`:
and what lies across the cuts of a long one), `figures` the facts that can be checked: numbers, dates, amounts,
telephone numbers, addresses and proper names; `asking` what kind of answer a question wants.
"""

from palier.text.asking import Asking, asking
from palier.text.figures import Figure, figures
from palier.text.language import detect
from palier.text.sentences import sentences, windows
from palier.text.words import fold, terms, tokens

__all__ = ["Asking", "Figure", "asking", "detect", "figures", "fold", "sentences", "terms", "tokens", "windows"]
