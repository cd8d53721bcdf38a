"""The encoder suite on the encoder that comes with palier."""

import asyncio

import pytest

from palier.jobs.pool import ProcessWorkers
from palier.retrieval.encoder import SentenceEncoder
from palier.testing.encoder import EncoderSuite


@pytest.fixture(scope="module")
def workers():
    made = ProcessWorkers(1)
    yield made
    asyncio.run(made.close())


class TestSentenceEncoder(EncoderSuite):
    @pytest.fixture
    def encoder(self, workers):
        return SentenceEncoder(workers, workers.batch)
