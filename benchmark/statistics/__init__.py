"""Statistics of paired errors over seeds and images: how sure a difference is."""
