"""Training pipelines: what a run is, the one loop that carries it out, and the domains."""
