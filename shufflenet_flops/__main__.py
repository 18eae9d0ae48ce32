"""`python -m shufflenet_flops`."""

import sys

if not sys.flags.safe_path:
    # `-m` makes the current directory importable; for MODEL only --path may do that.
    sys.path.pop(0)

from shufflenet_flops.cli.start import main

main()
