"""M08 malicious provider: could whoever supplied the training code read the training data back out of the model?"""
