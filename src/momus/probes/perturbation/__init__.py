"""Mode 1, perturbation attack: small changes of the input that change the answer."""
