"""A Flink session cluster on this machine: a JobManager, two TaskManagers, their worker pool, Beam's job server.

Flink comes from PyPI (apache-flink-libraries, which has Flink's own distribution), Beam's job server from Maven Central
by `mvn`; both are kept, and nothing is fetched when they are there.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from apache_beam.version import __version__ as beam_version

from deploy.engines.processes import NotStarted, Processes, answers

FLINK = "1.20.5"
JOB_SERVER = f"org.apache.beam:beam-runners-flink-{FLINK[:4]}-job-server:{beam_version}"
REST, JOBS, POOL = 8081, 8099, 50000
TASK_MANAGERS, SLOTS = 2, 1
_OPENS = [
    f"--add-opens=java.base/java.{package}=ALL-UNNAMED"
    for package in ("lang", "net", "io", "nio", "text", "time", "util", "util.concurrent", "util.concurrent.atomic")
]


def distribution(cache: Path) -> Path:
    """Flink's distribution: the folder that has lib/.

    Raises:
        NotStarted: it cannot be had.
    """
    place = cache / f"flink-{FLINK}"
    home = place / "pyflink"
    if not (home / "lib").is_dir():
        uv = Path(sys.prefix) / "bootstrap/bin/uv"
        command = [
            str(uv), "pip", "install", "-q", "--python", sys.executable, "--no-deps", "--target", str(place),
            f"apache-flink-libraries=={FLINK}",
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise NotStarted(f"apache-flink-libraries {FLINK} cannot be installed:\n{done.stderr[-500:]}")
    return home


def job_server(cache: Path) -> Path:
    """The jar of Beam's job server, its checksum kept beside it.

    Raises:
        NotStarted: it cannot be had, or is not what it was.
    """
    jar = cache / f"{JOB_SERVER.replace(':', '-')}.jar"
    kept = jar.with_suffix(".sha256")
    if not jar.exists():
        mvn = shutil.which("mvn")
        if mvn is None:
            raise NotStarted(f"{JOB_SERVER} is fetched with Maven, which is not here; or put the jar at {jar}")
        command = [mvn, "-q", "-B", "dependency:copy", f"-Dartifact={JOB_SERVER}", f"-DoutputDirectory={cache}/fetched"]
        done = subprocess.run(command, capture_output=True, text=True)
        fetched = list((cache / "fetched").glob("*.jar"))
        if done.returncode or len(fetched) != 1:
            raise NotStarted(f"Maven finds no {JOB_SERVER}; or put the jar at {jar}")
        fetched[0].replace(jar)
    found = hashlib.sha256(jar.read_bytes()).hexdigest()
    if not kept.exists():
        kept.write_text(found, encoding="utf-8")
    elif kept.read_text(encoding="utf-8").strip() != found:
        raise NotStarted(f"{jar}: sha256 is {found}, and was {kept.read_text(encoding='utf-8')}; fetch it again")
    return jar


def configuration(folder: Path) -> Path:
    """A folder of Flink's configuration: what differs is told on the command lines, all logs go to the console."""
    place = folder / "conf"
    place.mkdir(exist_ok=True)
    (place / "config.yaml").write_text("{}\n", encoding="utf-8")
    (place / "log4j.properties").write_text(
        "rootLogger.level = INFO\nrootLogger.appenderRef.console.ref = Console\n"
        "appender.console.name = Console\nappender.console.type = CONSOLE\n"
        "appender.console.layout.type = PatternLayout\nappender.console.layout.pattern = %d %-5p %c %m%n\n",
        encoding="utf-8",
    )
    return place


def java(home: Path, conf: Path, main: str, settings: Sequence[str]) -> list[str]:
    """The command of a Flink process.

    Raises:
        NotStarted: there is no Java.
    """
    program = shutil.which("java")
    if program is None:
        raise NotStarted("Flink needs Java 11 or 17 (Debian: apt-get install default-jre-headless)")
    given = [word for setting in settings for word in ("-D", setting)]
    flags = ["-Xmx1g", *_OPENS, f"-Dlog4j.configurationFile={conf}/log4j.properties"]
    return [program, *flags, "-cp", f"{home}/lib/*", main, "--configDir", str(conf), *given]


def start_cluster(processes: Processes, cache: Path) -> None:
    """Starts the JobManager and the TaskManagers, and waits until these have come."""
    home, conf = distribution(cache), configuration(processes.folder)
    common = [
        "jobmanager.rpc.address=localhost", f"rest.port={REST}", f"taskmanager.numberOfTaskSlots={SLOTS}",
        "restart-strategy.type=fixed-delay", "restart-strategy.fixed-delay.attempts=10",
        "restart-strategy.fixed-delay.delay=1 s", "heartbeat.timeout=10000", "heartbeat.interval=2000",
    ]  # fmt: skip
    entry = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
    processes.start("jobmanager", java(home, conf, entry, [*common, "jobmanager.memory.process.size=1600m"]))
    processes.wait("jobmanager", lambda: answers(REST))
    memory = [
        "taskmanager.cpu.cores=1", "taskmanager.memory.task.heap.size=512m",
        "taskmanager.memory.task.off-heap.size=64m",
        "taskmanager.memory.network.min=128m", "taskmanager.memory.network.max=128m",
        "taskmanager.memory.managed.size=128m", "taskmanager.memory.framework.heap.size=128m",
        "taskmanager.memory.framework.off-heap.size=128m", "taskmanager.memory.jvm-metaspace.size=256m",
        "taskmanager.memory.jvm-overhead.min=192m", "taskmanager.memory.jvm-overhead.max=192m",
    ]  # fmt: skip
    runner = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
    for number in range(TASK_MANAGERS):
        processes.start(f"taskmanager-{number}", java(home, conf, runner, [*common, *memory]))
    processes.wait("jobmanager", lambda: task_managers() == TASK_MANAGERS)


def task_managers() -> int:
    """How many TaskManagers the JobManager knows; none while it begins."""
    try:
        with urllib.request.urlopen(f"http://localhost:{REST}/taskmanagers", timeout=5) as answer:
            return len(json.load(answer)["taskmanagers"])
    except urllib.error.HTTPError:
        return 0


def start(processes: Processes, cache: Path) -> None:
    """Starts everything; the job server is looked for first, since nothing runs without it."""
    jar = job_server(cache)
    start_cluster(processes, cache)
    processes.worker_pool(POOL)
    command = ["java", "-jar", str(jar), f"--flink-master=localhost:{REST}", f"--job-port={JOBS}",
               "--artifact-port=0", "--expansion-port=0"]  # fmt: skip
    processes.start("job-server", command)
    processes.wait("job-server", lambda: answers(JOBS))
