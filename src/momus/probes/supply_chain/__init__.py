"""Mode 9, attacks on the ML supply chain: what the artifact files would do when somebody opens them."""
