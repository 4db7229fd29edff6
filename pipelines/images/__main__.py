"""`python -m pipelines.images VERB`."""

from pipelines.cli import main
from pipelines.images import DOMAIN

if __name__ == "__main__":
    main(DOMAIN)
