"""The encoder suite on the encoder that comes with palier."""

import asyncio

import pytest

from palier.jobs.pool import ProcessWorkers
from palier.retrieval.encoder import SentenceEncoder
from palier.testing.encoder import EncoderSuite


class TestSentenceEncoder(EncoderSuite):
    @pytest.fixture(scope="class")
    def workers(self):
        made = ProcessWorkers(1)
        yield made
        asyncio.run(made.close())

    @pytest.fixture
    def encoder(self, workers):
        return SentenceEncoder(workers, workers.batch)
