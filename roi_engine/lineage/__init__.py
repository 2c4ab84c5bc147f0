"""Where a number comes from: its declaration, the facts under it, the bytes under those."""
