"""What takes several clients at once: shared by the tasks and the command line, which add nothing to it."""
