"""One command per file; its work is imported when it is called."""
