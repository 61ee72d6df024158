"""The exceptions whose message a user is meant to read."""


class UserError(Exception):
    """Bad input: data, checkpoint, option or environment.

    The message is one sentence that names the file or option and says what to do. The command line
    prints it without a traceback and exits with status 2.
    """


class Interrupted(Exception):
    """A signal has stopped training, and the state is written.

    The message is one sentence that says how to continue; `status` is the exit status of the program.
    """

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.status = 128 + signal_number  # what a shell reports for a program that the signal ended
