"""Reward hacking: the policy earns its reward without doing what the reward was meant for."""
