"""Where the program starts: signals are taken care of before anything large is imported."""

from shufflenet_flops.cli import interrupts


def main() -> None:
    """Run the command line; see `app.main` for the exit codes."""
    interrupts.install_first()
    from shufflenet_flops.cli.app import main as run_app

    run_app()
