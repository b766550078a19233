"""M14 twins: worlds that moved, and worlds that stayed."""
