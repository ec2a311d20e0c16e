"""A package that a third party could publish: a method, a dataset and a report."""
