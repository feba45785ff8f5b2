"""A process of its own that works on a log until it is told to stop, or killed.

python -m worker_host DSN FOLDER NAME [--dispatch] [--reap] [--slots N] [--lease-seconds S]
"""

from __future__ import annotations

import argparse
import logging
import signal
import threading
from pathlib import Path
from typing import Any

from worker_parts import STAGES, World, echo, new_sandbox
from workers.dispatcher import Dispatcher
from workers.reaper import Reaper
from workers.worker import Worker


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("dsn")
    parser.add_argument("folder", type=Path)
    parser.add_argument("name")
    parser.add_argument("--dispatch", action="store_true")
    parser.add_argument("--reap", action="store_true")
    parser.add_argument("--stages", nargs="*", default=STAGES)
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--lease-seconds", type=float, default=3)
    parser.add_argument("--grace-seconds", type=float, default=20)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO)
    world = World(arguments.dsn, arguments.folder)
    with new_sandbox(arguments.slots) as sandbox:
        worker = Worker(
            arguments.dsn,
            commands=world.commands,
            blobs=world.blobs,
            imported=world.imported.find,
            sandbox=sandbox,
            executor_of=echo,
            stages=arguments.stages,
            work_folder=arguments.folder / "work",
            name=arguments.name,
            slots=arguments.slots,
            lease_seconds=arguments.lease_seconds,
            grace_seconds=arguments.grace_seconds,
        )
        others: list[Any] = []
        if arguments.dispatch:
            others.append(Dispatcher(arguments.dsn, beside=worker.taker))
        if arguments.reap:
            others.append(Reaper(arguments.dsn, world.commands, look_seconds=0.2))
        threads = [threading.Thread(target=role.run) for role in others]
        for thread in threads:
            thread.start()
        signal.signal(signal.SIGTERM, lambda *_: worker.stop())
        worker.run()
        for role in others:
            role.stop()
        for thread in threads:
            thread.join()
    world.close()


if __name__ == "__main__":
    main()
