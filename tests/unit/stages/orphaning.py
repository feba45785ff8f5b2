"""A program that starts a sandbox at work and waits; a test kills it.

Arguments: the stage to run, the folder to work in.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from stages.executor import StageTask
from stages.sandbox import Sandbox
from unit.stages.sandboxed import load


def main() -> None:
    """Run the stage in one child and keep another idle."""
    stage_name, folder = sys.argv[1], Path(sys.argv[2])
    sandbox = Sandbox(2, 1 << 30, preload=(), load=load)
    sandbox.warm_up()
    options = {"processIdFile": str(folder / "busy.pid"), "seconds": 600}
    task = StageTask("d", None, stage_name, 1, (), options, folder)
    threading.Thread(target=sandbox.run, args=(task, 600), daemon=True).start()
    ids = [str(child.process_id) for child in sandbox.children]
    (folder / "children.tmp").write_text("\n".join(ids), encoding="utf-8")
    (folder / "children.tmp").rename(folder / "children")
    threading.Event().wait()


if __name__ == "__main__":
    main()
