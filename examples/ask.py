"""Ask palier from Python: python examples/ask.py "Is an eSIM free?" """

import asyncio
import sys

from palier import Palier


async def main(question: str) -> None:
    async with Palier.open("examples/armorique/palier.toml") as p:
        answer = await p.ask(question, route="support")
    print(answer.text)
    print(f"\n{answer.tier or 'nobody'}, confidence {answer.confidence}: {answer.decision.reason}")
    for source in answer.sources:
        print(f"[{source.n}] {source.title} ({source.label})")


asyncio.run(main(" ".join(sys.argv[1:]) or "Is an eSIM free?"))
