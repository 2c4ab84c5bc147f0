"""The declarations: one module a mart, one entry a column. Everything else is generated."""
