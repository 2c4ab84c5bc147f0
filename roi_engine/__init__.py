"""What autonomous AI agents cost, and what they are worth: from bytes to proven numbers."""

__version__ = "0.1.0"
