"""The one exception that a person, not a programmer, is meant to read."""


class UserError(Exception):
    """Bad input: data, checkpoint, option or environment.

    The message is one sentence that names the file or option and says what to do. The command line
    prints it without a traceback and exits with status 2.
    """
