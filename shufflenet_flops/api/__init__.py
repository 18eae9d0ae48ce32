"""One call for each question: what the command line answers, as objects of Python."""
