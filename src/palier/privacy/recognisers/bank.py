"""Payment cards, by the ranges of their issuers and Luhn's check digit; by that alone where they are called so."""

from __future__ import annotations

import re

from palier.privacy.recognisers.numbers import Kind, luhn, words

_ISSUERS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|(?:5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12})"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|3(?:0[0-59]|[689]\d)\d{11}(?:\d{2,5})?"  # Diners
    r"|6(?:011|5\d\d|4[4-9]\d)\d{12}(?:\d{3})?"  # Discover
    r"|(?:2131|1800)\d{11}|35\d{14}(?:\d{3})?"  # JCB
    r"|62\d{14,17}"  # UnionPay
    r"|(?:5018|5020|5038|5[6-9]\d\d|6304|6390|67\d\d|6759|676[1-3])\d{8,15}"  # Maestro
    r"|220[0-4]\d{12,15}|9792\d{12}|60(?:69|8[0-5])\d{12}|8[12]\d{14}"  # Mir, Troy, RuPay
)
_WORDS = words(
    r"cartes?(?: (?:bancaires?|bleues?|de cr[ée]dit))?",
    "cb",
    r"(?:credit|debit|payment|bank) ?cards?",
    "card",
    "visa",
    "mastercard",
    "amex",
    "american express",
    "maestro",
    "pan",
)

_CARD = words(
    r"(?:credit|debit|payment|bank) ?cards?(?: number)?",
    "card number",
    "cc number",
    "visa",
    "mastercard",
    "amex",
    r"carte (?:bancaire|bleue|de cr[ée]dit|de paiement|visa|mastercard)",
    r"num[ée]ro de (?:la )?cb",
)


def is_card(digits: str) -> bool:
    return _ISSUERS.fullmatch(digits) is not None and luhn(digits)


KINDS = (
    Kind("CARD", tuple(range(12, 20)), is_card, _WORDS, bare=0.85),
    Kind("CARD", tuple(range(12, 20)), luhn, _CARD, named=0.55),
)
