"""One backend per file; each stores what a training run reports."""
