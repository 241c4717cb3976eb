"""What runs, and in which order; each flow reads as the story of its run."""
