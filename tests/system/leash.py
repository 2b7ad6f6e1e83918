"""Ends a process when the one that started it is gone, however it went: kill -9 runs no clean-up."""

import subprocess


class Leash:
    """Holds a process by its id until `release`; a killed test run then leaves no broker behind."""

    def __init__(self, pid: int) -> None:
        # The pipe closes with this process, and only then does the shell read its end.
        self._watching = subprocess.Popen(
            ["sh", "-c", f"read -r _; kill -9 {pid}"],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def release(self) -> None:
        """Let the process go; to be called once it has ended."""
        self._watching.kill()
        self._watching.wait()
        if self._watching.stdin is not None:
            self._watching.stdin.close()
