"""M04 membership inference: was this person's record in the training data?"""
