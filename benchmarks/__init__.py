"""Against real peers, interleaved in one run, as ratios of medians."""
