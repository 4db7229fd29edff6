"""`python -m pipelines.genomics VERB`."""

from pipelines.cli import main
from pipelines.genomics import DOMAIN

if __name__ == "__main__":
    main(DOMAIN)
