"""`python -m hubclient` is `hubclient`."""

from .cli import main

main()
