"""M15 natural adversarial examples: real inputs, changed by nobody, on which a model is surely wrong."""
