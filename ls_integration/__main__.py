"""Entry point of ``python -m ls_integration``."""

from ls_integration.cli import main

if __name__ == "__main__":
    main()
