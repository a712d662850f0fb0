"""Candidate operations by domain, each module a table of name → builder."""
