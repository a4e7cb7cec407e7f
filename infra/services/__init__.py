"""One file for each function: what wakes it, with which knobs, what it may touch, what pages us."""
