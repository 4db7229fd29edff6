"""`python -m pipelines.citations VERB`."""

from pipelines.citations import DOMAIN
from pipelines.cli import main

if __name__ == "__main__":
    main(DOMAIN)
