"""Sources: files and published sets read into `Splits`. Knows nothing of models."""
