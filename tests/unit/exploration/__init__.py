"""The real core in a small world in which everything happens that can: every state, to the fixed point."""
