"""What tests share: a lake with runs in it, made once for each state of the code."""
