"""Reusable pieces of pages: take data, draw, return what the reader chose."""
