"""What crosses a wire: commands, events, failure codes and the vendor's frames.

Imports nothing of the worker and does no I/O, so that an integrator may install or vendor it alone.
"""
