"""`python -m shufflenet_flops`."""

import sys

from shufflenet_flops.cli.app import main

if not sys.flags.safe_path:
    # `-m` makes the current directory importable; for MODEL only --path may do that.
    sys.path.pop(0)
main()
