"""``python -m momus`` is the ``momus`` command."""

from momus.cli.main import main

if __name__ == "__main__":
    main()
