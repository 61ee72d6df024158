"""Loads every file of a folder and reports, as JSON: what it said, how long it took, what else it did.

Usage: refuser.py FOLDER FIRST …; the first files are read before anything is recorded, so that lazy imports
are over.
"""

import json
import resource
import sys
import time
from pathlib import Path

from stylegan_pokemon.checkpoint import load
from stylegan_pokemon.errors import UserError

HARMLESS = ("builtins.id", "object.__getattr__")  # nothing outside the process
EVENTS = []
RECORDING = []


def hook(event, arguments):
    if RECORDING:
        named = str(arguments[0])[:200] if arguments else ""
        if event not in HARMLESS and not (event == "open" and named == RECORDING[0]):
            EVENTS.append(f"{event} {named}")


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main():
    folder, first = Path(sys.argv[1]), sys.argv[2:]
    base = peak()
    for path in first:
        attempt(path)
    files = sorted(folder.iterdir())
    sys.addaudithook(hook)
    report = {path.name: attempt(path, True) for path in files}
    print(json.dumps({"files": report, "bytes_beyond_imports": peak() - base}))


def attempt(path, record=False):
    EVENTS.clear()
    started = time.process_time()
    RECORDING[:] = [str(path)] if record else []
    try:
        load(path)
        outcome = "loaded"
    except UserError as error:
        outcome = f"refused: {error}"
    except BaseException as error:
        outcome = f"{type(error).__name__}: {error}"
    RECORDING.clear()
    return {"outcome": outcome, "seconds": time.process_time() - started, "events": list(EVENTS)}


if __name__ == "__main__":
    main()
