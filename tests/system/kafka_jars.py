"""The jars of Apache Kafka, resolved by Maven once and kept under the ignored `.cache/kafka`.

`python -m tests.system.kafka_jars` prints the folder, resolving it when it is not there yet.
"""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

POM = Path(__file__).with_name("kafka_pom.xml")
CACHE = Path(__file__).parents[2] / ".cache" / "kafka"
_RESOLVING_SECONDS = 300


class JarsNotResolved(RuntimeError):
    """There is no JDK or Maven here, or Maven could not resolve the jars; the message says which."""


def missing_tools() -> list[str]:
    """Return which of the programs that a broker process needs are not on the path."""
    return [tool for tool in ("java", "mvn") if shutil.which(tool) is None]


def kafka_jars() -> Path:
    """Return the folder of jars that a broker runs from; raise `JarsNotResolved` where there is none."""
    folder = CACHE / kafka_version()
    if (folder / "complete").exists():
        return folder
    if missing := missing_tools():
        raise JarsNotResolved(f"found no {' and no '.join(missing)}; expected a JDK 17 and Maven")
    CACHE.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix="resolving-", dir=CACHE))
    _resolve(fresh)
    (fresh / "complete").touch()
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)
    return folder


def kafka_version() -> str:
    """Return the version of Kafka that the pom beside this file names."""
    found = re.search(r"kafka_2\.13</artifactId>\s*<version>([^<]+)<", POM.read_text())
    if found is None:
        raise JarsNotResolved(f"found no version of kafka_2.13 in {POM.name}")
    return found.group(1)


def _resolve(folder: Path) -> None:
    resolving = subprocess.run(
        [
            *("mvn", "-B", "-q", "-f", str(POM), "dependency:copy-dependencies"),
            *("-DincludeScope=runtime", f"-DoutputDirectory={folder}"),
        ],
        capture_output=True,
        text=True,
        timeout=_RESOLVING_SECONDS,
        check=False,
    )
    if resolving.returncode != 0:
        shutil.rmtree(folder, ignore_errors=True)
        last = (resolving.stdout + resolving.stderr).strip().splitlines()[-3:]
        raise JarsNotResolved("Maven resolved no jars: " + " / ".join(last))


if __name__ == "__main__":
    print(kafka_jars())
