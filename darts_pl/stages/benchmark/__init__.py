"""Benchmarks: many searches as processes, and what they are measured by."""
