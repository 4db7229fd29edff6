"""`python -m pipelines.economics VERB`."""

from pipelines.cli import main
from pipelines.economics import DOMAIN

if __name__ == "__main__":
    main(DOMAIN)
