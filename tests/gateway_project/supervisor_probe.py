"""A supervisor over the programs of its argument (JSON), in a process that tests can kill."""

import asyncio
import json
import os
import sys

from gateway_project.supervisor import Program, Supervisor


async def main() -> int:
    supervisor = Supervisor(os.environ, same_request_seconds=float(sys.argv[2]))

    async def start_all() -> None:
        for program in json.loads(sys.argv[1]):
            await supervisor.start(Program(**program))

    return await supervisor.run(start_all)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
