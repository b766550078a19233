"""M17 incomplete testing: conditions that nobody tried before the system met them."""
