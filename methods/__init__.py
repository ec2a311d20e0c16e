"""The methods: one file a pretraining strategy."""
