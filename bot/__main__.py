"""`python -m bot` is the `raygpu` command."""

from bot.cli import main

main()
