"""`python -m shufflenet_flops`."""

from shufflenet_flops.cli.app import main

main()
