"""What does a person at a terminal say to CityWatch?"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; errors that have a known cause are told in one line, with exit code 2."""
    from citywatch.errors import CityWatchError
    from console.cli.app import app

    try:
        app()
    except CityWatchError as error:
        sys.stderr.write(f"citywatch: {error}\n")
        raise SystemExit(2) from None
    except BrokenPipeError:
        # The reader of our output went away (`| head`): nobody is left to be told anything.
        sys.stderr.close()
        raise SystemExit(141) from None
