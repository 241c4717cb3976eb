"""The main job: sealed recordings in, sealed features out, recordings gone with proof."""
