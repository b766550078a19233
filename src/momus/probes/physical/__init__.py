"""Mode 7, adversarial example in the physical domain: things made to be misread by whoever looks at them."""
