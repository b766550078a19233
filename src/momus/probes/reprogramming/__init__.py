"""Mode 6: a model made to do another job than it was built for."""
