"""The command line, started in a namespace by `wire.py`."""

from console.cli import main

if __name__ == "__main__":
    main()
