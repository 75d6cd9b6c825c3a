"""`python -m hubclient.cli` is `hubclient`."""

from . import main

main()
