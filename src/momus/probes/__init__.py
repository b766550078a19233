"""One folder a failure mode, one file a technique. Probes never see each other or the targets."""
