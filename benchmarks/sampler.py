"""CPU time of sampling neighbours for a batch on one core, from a block-model graph of the size of ogbn-arxiv.

python benchmarks/sampler.py [NODES CITATIONS]
"""

import resource
import sys
import time

import numpy as np

from data.blockmodel import block_model
from data.graphs import graph
from data.neighbours import Neighbours, sample

FAN_OUTS, SEEDS, BATCHES = (15, 10), 1024, 200


def main() -> None:
    nodes, citations = map(int, sys.argv[1:3]) if len(sys.argv) > 1 else (169_343, 1_157_799)
    start = time.process_time()
    known = graph(block_model(nodes, citations, classes=40, columns=1, seed=0))
    neighbours = Neighbours.of(known.edges, known.nodes)
    print(f"{nodes:,} papers, {len(known.edges):,} edges: made in {time.process_time() - start:.1f} s of CPU time")
    degrees = neighbours.degrees
    print(f"neighbours: median {np.median(degrees):.0f}, mean {degrees.mean():.1f}, most {degrees.max():,}")
    rng, seconds, sizes = np.random.default_rng(0), [], []
    for epoch in range(BATCHES):
        seeds = rng.choice(nodes, SEEDS, replace=False)
        start = time.process_time()
        part = sample(neighbours, seeds, FAN_OUTS, seed=0, epoch=epoch)
        seconds.append(time.process_time() - start)
        sizes.append(len(part.edges))
    low, middle, high = 1e3 * np.quantile(seconds, [0.05, 0.5, 0.95])
    print(f"{list(FAN_OUTS)} of {SEEDS:,} seeds, {np.median(sizes):,.0f} edges: "
          f"median {middle:.2f} ms of CPU time, 5 to 95 %: {low:.2f} to {high:.2f}, n {BATCHES}")  # fmt: skip
    print(f"most memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
