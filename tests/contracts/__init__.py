"""What every backend must keep, however it works inside: a class for each kind, subclassed once per backend."""
