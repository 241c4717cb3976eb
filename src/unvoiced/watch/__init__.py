"""The watch: who reads how much, as the trail and the provider's own logs show it."""
