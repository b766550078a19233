"""M17 twins: test sets with holes, and test sets without."""
