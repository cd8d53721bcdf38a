"""The encoder suite on the encoder that comes with palier."""

import pytest

from palier.retrieval.encoder import SentenceEncoder
from palier.testing.encoder import EncoderSuite


class TestSentenceEncoder(EncoderSuite):
    @pytest.fixture
    def encoder(self, workers):
        return SentenceEncoder(workers, workers.batch)
