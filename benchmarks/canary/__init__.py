"""The parts of the benchmark `canaries`: a company with secrets, an adversary, and who looks for what got out."""
