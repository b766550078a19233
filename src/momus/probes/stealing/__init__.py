"""M05 model stealing: what does a copy cost, and how much like the original is it?"""
