"""Wire formats as msgspec Structs and sans-I/O machines, one specification per file."""
