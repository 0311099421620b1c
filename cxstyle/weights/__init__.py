"""Network weights: which are on this machine, how foreign files become ours, where they are fetched from."""
