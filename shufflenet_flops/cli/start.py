"""Where the program starts: signals are taken care of before anything large is imported."""

import gc

from shufflenet_flops.cli import interrupts

# Of what a command imports nothing is garbage, and by Python's own threshold it is looked through
# for some a hundred times.
_OBJECTS = 100_000


def main() -> None:
    """Run the command line; see `app.main` for the exit codes."""
    interrupts.install_first()
    gc.set_threshold(_OBJECTS)
    from shufflenet_flops.cli.app import main as run_app

    run_app()
