"""Parameters: declared once as types, resolved through inheritance, each value with its origin."""
