"""`python -m procession`: the command line.

Knows: where it begins.
Must not know: anything else.
"""

from __future__ import annotations

from procession.cli.main import main

if __name__ == "__main__":
    main()
