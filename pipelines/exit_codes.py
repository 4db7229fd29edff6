"""The exit codes of every command of the house."""

DONE, FAILED, BAD_INPUT = 0, 1, 2
STOPPED = 75  # by a signal, to be resumed: `train` and what runs it
INTERRUPTED = 130  # by a signal, with nothing to go on from
