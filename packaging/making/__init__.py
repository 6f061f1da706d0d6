"""Makes what is released: one module for each kind, called by `packaging/build`."""
