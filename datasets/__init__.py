"""Datasets of radiographs with landmarks: one file or package a dataset."""
