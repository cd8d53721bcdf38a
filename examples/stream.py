"""Print an answer as it is written: python examples/stream.py "Is an eSIM free?" """

import asyncio
import sys

from palier import Palier
from palier.types import Completed, Delta


async def main(question: str) -> None:
    async with Palier.open("examples/armorique/palier.toml") as p:
        async for event in p.stream(p.request(question, route="support", stream=True)):
            match event:
                case Delta(text=text):
                    print(text, end="", flush=True)
                case Completed(result=result):
                    print(f"\n\n{result.tier or 'nobody'}: {result.decision.reason}")


asyncio.run(main(" ".join(sys.argv[1:]) or "Is an eSIM free?"))
