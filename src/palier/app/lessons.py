"""The lessons of an installation: their file, what forgets them, and the desk they pass over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager

from palier.cards import ModelCard
from palier.config import Settings
from palier.interfaces import Encoder, Judgements, Ratings, Redactor, Sources, Traces, Workers
from palier.privacy.prompts import PromptRedactor
from palier.privacy.redaction import Redactor as Finder
from palier.stores.lessons import ErasableLessons, SqliteLessons
from palier.training.desk import Desk
from palier.training.stock import Stock, hashed


def erasable(store: SqliteLessons, key: bytes) -> ErasableLessons:
    """What forgets lessons. `key` is that of `desk_of`."""
    return ErasableLessons(store.database, lambda user: hashed(user, key))


def desk_of(
    settings: Settings,
    store: SqliteLessons,
    *,
    traces: Traces,
    audits: Judgements,
    ratings: Ratings,
    sources: Sources,
    encoder: Encoder,
    workers: Workers,
    redactor: Redactor | None,
    cards: Callable[[], Mapping[str, ModelCard]],
    key: bytes,
    apart: Callable[[], AbstractAsyncContextManager[None]],
) -> Desk:
    """Where lessons are kept and looked through.

    Without a `redactor` (nothing leaves) it has one of its own: what is taught is told to whoever asks.
    """
    return Desk(
        Stock(
            settings=settings,
            store=store,
            traces=traces,
            audits=audits,
            ratings=ratings,
            sources=sources,
            encoder=encoder,
            workers=workers,
            redactor=redactor or PromptRedactor(Finder(settings.redaction, workers)),
            cards=cards,
            key=key,
            apart=apart,
        )
    )
