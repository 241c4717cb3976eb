"""`python -m unvoiced.cli`, for where the console script is not on the path."""

from unvoiced.cli import main

main()
