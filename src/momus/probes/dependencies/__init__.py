"""Mode 11, exploited software dependencies: known weaknesses beneath the model, and inputs that break its decoders."""
