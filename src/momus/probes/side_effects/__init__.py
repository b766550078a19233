"""Side effects: on its way to the goal the policy breaks something that nobody told it to spare."""
