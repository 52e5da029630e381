"""A SLURM of one node on 127.0.0.1, for tests: no accounting, no cgroups, nothing left behind.

It uses the installed SLURM, or unpacks Debian's packages into its own folder and installs nothing.
The daemons are children of the test and end with it, however it ends.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "slurm-wlm-basic-plugins")
LIBRARIES = ("munge", "libmunge2", "libhwloc15", "liblua5.1-0")
CLIENTS = (
    "sbatch",
    "srun",
    "squeue",
    "scancel",
    "scontrol",
    "sinfo",
    "sacct",
    "sacctmgr",
    "sshare",
)
PATIENCE_S = 300.0  # for what takes a second on an idle machine
MARK = "TEST_SLURM"  # in the environment of every process that belongs to the cluster
PR_SET_PDEATHSIG = 1

CONFIG = """\
ClusterName=loopback
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
# Controller, node and clients listen on 127.0.0.1 only.
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
AuthType=auth/munge
AuthInfo=socket={folder}/run/munge.socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
PluginDir={plugins}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
# A job's memory is looked at every second, and a job over it is killed.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
# No slurmdbd: squeue is the only history, so finished jobs are kept for a while.
AccountingStorageType=accounting_storage/none
MinJobAge=3600
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1
ReturnToService=2
SlurmdParameters=config_overrides
KillWait=5
KillOnBadExit=1
JobRequeue=0
MailProg=/bin/true
GresTypes=gpu
NodeName=localhost NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory_mb} Gres=gpu:{gpus}
PartitionName=main Nodes=localhost Default=YES MaxTime=60 DefaultTime=10 State=UP
"""


def why_not() -> str | None:
    """Why this machine can have no such cluster; None where it can."""
    if sys.platform != "linux":
        return "SLURM runs on Linux only"
    if os.geteuid() != 0:
        return "SLURM's daemons need root"
    if not installed() and not all(map(shutil.which, ("apt-get", "dpkg-deb"))):
        return "SLURM is not installed, and there is no apt-get to bring it"
    if not resolves_to_loopback() and not shutil.which("unshare"):
        return "the host's name is not of 127.*, and there is no unshare"
    return None


def installed() -> bool:
    """Whether SLURM and munge are installed."""
    return all(map(shutil.which, ("slurmctld", "slurmd", "munged", "sbatch")))


def resolves_to_loopback() -> bool:
    """Whether daemons that bind to their host's name bind to 127.*."""
    try:
        return socket.gethostbyname(socket.gethostname().split(".")[0]).startswith("127.")
    except OSError:
        return False


class NoSlurm(Exception):
    """The packages cannot be had."""


class Slurm:
    """A cluster that is up between `with` and its end.

    Attributes
    ----------
    environ : dict
        What the processes that use it need.
    """

    def __init__(self, folder: Path, cpus: int, gpus: int):
        self.folder = folder
        self.cpus, self.gpus = cpus, gpus
        self.daemons: list[subprocess.Popen] = []
        self.environ = os.environ | {MARK: str(folder)}
        self.users: list[subprocess.Popen] = []  # processes that submit jobs

    def __enter__(self) -> "Slurm":
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # What a user types.
    def client(self, *arguments: str) -> str:
        """The output of a SLURM command."""
        done = subprocess.run(
            arguments, env=self.environ, capture_output=True, text=True, timeout=PATIENCE_S
        )
        assert done.returncode == 0, f"{arguments}: {done.stderr}"
        return done.stdout.strip()

    def jobs(self) -> dict[int, str]:
        """All jobs that there have been, with their states."""
        lines = self.client("squeue", "--states=all", "--noheader", "--format=%A %T").splitlines()
        return {int(line.split()[0]): line.split()[1] for line in lines}

    def job(self, job_id: int) -> dict[str, str]:
        """What `scontrol show job` says of a job."""
        words = self.client("scontrol", "--oneliner", "show", "job", str(job_id)).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def until_ended(self, job_id: int) -> None:
        """Wait for the end of a job."""
        going = ("PENDING", "RUNNING", "COMPLETING")
        what = f"the end of job {job_id}"
        _wait_for(lambda: self.jobs()[job_id] not in going, PATIENCE_S, what, self.logs)

    def processes(self) -> list[tuple[int, int, list[str]]]:
        """The processes of all jobs, each with its job and its command line."""
        return [
            (process, int(environ["SLURM_JOB_ID"]), words)
            for process, environ, words in _all_processes()
            if environ.get(MARK) == str(self.folder) and "SLURM_JOB_ID" in environ
        ]

    def listening(self) -> set[str]:
        """The addresses on which processes of the cluster listen."""
        sockets = set()
        for process in {daemon.pid for daemon in self.daemons}:
            for link in Path(f"/proc/{process}/fd").iterdir():
                with contextlib.suppress(OSError):
                    target = str(link.readlink())
                    if target.startswith("socket:["):
                        sockets.add(target[8:-1])
        found = set()
        for table in ("tcp", "tcp6", "udp", "udp6"):
            for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                local, _, state, *rest = line.split()[1:]
                if rest[5] in sockets and (state == "0A" or table.startswith("udp")):
                    address = bytes.fromhex(local.split(":")[0])
                    found.add(".".join(map(str, address[::-1])))
        return found

    # Up and down.
    def _start(self) -> None:
        for name in ("bin", "etc", "log", "run", "state", "spool"):
            (self.folder / name).mkdir(parents=True)
        self.folder.chmod(0o755)
        for name in ("state", "spool"):
            (self.folder / name).chmod(0o700)
        client_folder, plugins, stepd, libraries = self._binaries()
        self.environ["SLURM_CONF"] = str(self.folder / "etc" / "slurm.conf")
        if libraries:
            known = os.environ.get("LD_LIBRARY_PATH")
            self.environ["LD_LIBRARY_PATH"] = ":".join(filter(None, [libraries, known]))
        self._write_config(plugins)
        self._wrap_clients(client_folder)
        run, log = self.folder / "run", self.folder / "log"
        self._daemon(
            *("munged", "--force", "--foreground", f"--socket={run}/munge.socket"),
            *(f"--key-file={self.folder}/etc/munge.key", f"--pid-file={run}/munged.pid"),
            *(f"--log-file={log}/munged.log", f"--seed-file={run}/munged.seed"),
        )
        _wait_for(lambda: (run / "munge.socket").exists(), PATIENCE_S, "munged", self.logs)
        self._daemon("slurmctld", "-D", "-c")
        self._daemon("slurmd", "-D", "-c", "-N", "localhost", "-d", stepd)
        _wait_for(self._idle, PATIENCE_S, "the node", self.logs)

    def _binaries(self) -> tuple[str, str, str, str]:
        """The folders of clients and plugins, slurmstepd, and where libraries are if unpacked."""
        if installed():
            plugins = next(Path("/usr/lib").rglob("slurm*/auth_munge.so")).parent
            stepd = shutil.which("slurmstepd") or "/usr/sbin/slurmstepd"
            return str(Path(shutil.which("sbatch")).parent), str(plugins), stepd, ""
        packages, unpacked = self.folder / "packages", self.folder / "unpacked"
        packages.mkdir()
        download = ["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root"]
        done = subprocess.run(
            [*download, *PACKAGES, *LIBRARIES], cwd=packages, capture_output=True, text=True
        )
        if done.returncode != 0:
            raise NoSlurm(f"apt-get cannot download SLURM: {done.stderr.strip()[-300:]}")
        for package in packages.iterdir():
            subprocess.run(["dpkg-deb", "-x", package, unpacked], check=True)
        sbin = unpacked / "usr" / "sbin"
        for daemon in ("slurmctld", "slurmd", "slurmstepd"):
            if not (sbin / daemon).exists():  # the packages' installation would link them
                (sbin / daemon).symlink_to(f"{daemon}-wlm")
        self.environ["PATH"] = f"{sbin}:{self.environ['PATH']}"
        plugins = next(unpacked.rglob("auth_munge.so")).parent
        munge = next(unpacked.rglob("libmunge.so.2")).parent
        client_folder = str(unpacked / "usr" / "bin")
        return client_folder, str(plugins), str(sbin / "slurmstepd"), f"{munge}:{plugins}"

    def _write_config(self, plugins: str) -> None:
        etc = self.folder / "etc"
        with contextlib.ExitStack() as free:
            sockets = [free.enter_context(socket.socket()) for _ in range(2)]
            for one in sockets:
                one.bind(("127.0.0.1", 0))
            ports = [one.getsockname()[1] for one in sockets]
        memory_mb = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
        text = CONFIG.format(
            folder=self.folder,
            plugins=plugins,
            ports=ports,
            cpus=self.cpus,
            gpus=self.gpus,
            memory_mb=memory_mb,
        )
        (etc / "slurm.conf").write_text(text)
        (etc / "munge.key").write_bytes(os.urandom(1024))
        (etc / "munge.key").chmod(0o400)
        gres = ["AutoDetect=off"]
        for number in range(self.gpus):  # any device will do
            device = self.folder / "state" / f"gpu{number}"
            os.mknod(device, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
            gres.append(f"Name=gpu File={device}")
        (etc / "gres.conf").write_text("\n".join(gres) + "\n")

    def _wrap_clients(self, client_folder: str) -> None:
        """Let clients find the cluster even where their environment was cleared.

        snakemake-executor-plugin-slurm-jobstep removes SLURM_CONF before it calls srun.
        """
        as_localhost = self.folder / "bin" / "as-localhost"
        as_localhost.write_text(
            '#!/bin/sh\nexec unshare --uts sh -c \'hostname localhost && exec "$@"\' sh "$@"\n'
        )
        as_localhost.chmod(0o755)
        prefix = "" if resolves_to_loopback() else as_localhost
        self.prefix = [str(prefix)] if prefix else []
        for client in CLIENTS:
            path = self.folder / "bin" / client
            exports = [f'export SLURM_CONF="{self.environ["SLURM_CONF"]}"']
            if "LD_LIBRARY_PATH" in self.environ:
                exports.append(f'export LD_LIBRARY_PATH="{self.environ["LD_LIBRARY_PATH"]}"')
            call = f'exec {prefix} "{client_folder}/{client}" "$@"'
            path.write_text("\n".join(["#!/bin/sh", *exports, call]) + "\n")
            path.chmod(0o755)
        self.environ["PATH"] = f"{self.folder / 'bin'}:{self.environ['PATH']}"

    def _daemon(self, *command: str) -> None:
        with (self.folder / "log" / f"{command[0]}.output").open("wb") as output:
            daemon = subprocess.Popen(
                [*self.prefix, *command],
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=_end_with_the_parent,
            )
        self.daemons.append(daemon)

    def _idle(self) -> bool:
        ended = [daemon.args for daemon in self.daemons if daemon.poll() is not None]
        if ended:
            raise RuntimeError(f"{ended} ended\n{self.logs()}")
        command = ["sinfo", "--noheader", "--format=%t", "--nodes=localhost"]
        done = subprocess.run(command, env=self.environ, capture_output=True, text=True)
        return done.stdout.strip() == "idle"

    def logs(self) -> str:
        """The ends of the daemons' logs."""
        logs = sorted((self.folder / "log").iterdir())
        return "\n".join(f"{log.name}:\n{log.read_text()[-1500:]}" for log in logs)

    def stop(self) -> None:
        """Cancel what runs, and end every process that belongs to the cluster."""
        for user in self.users:
            user.kill()
            user.wait()
        if len(self.daemons) == 3:
            command = ["scancel", "--user=root"]
            with contextlib.suppress(AssertionError, OSError, subprocess.TimeoutExpired):
                subprocess.run(command, env=self.environ, capture_output=True, timeout=10)
                _wait_for(lambda: "RUNNING" not in self.jobs().values(), 10, "the jobs' end")
        for daemon in reversed(self.daemons):
            daemon.terminate()
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()
        self.daemons = []
        for process, environ, _ in _all_processes():
            if environ.get(MARK) == str(self.folder):
                with contextlib.suppress(OSError):
                    step = _step_of(process)
                    os.kill(process, signal.SIGKILL)
                    if step:
                        os.kill(step, signal.SIGKILL)


def _step_of(process: int) -> int | None:
    """The daemon of the job step that a process is the first one of."""
    status = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    parent = int(status[1])
    name = Path(f"/proc/{parent}/comm").read_text()
    return parent if name.startswith("slurmstepd") else None


def _end_with_the_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _all_processes() -> list[tuple[int, dict[str, str], list[str]]]:
    """Every process with its environment and command line."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            environ = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue  # it has ended
        pairs = dict(pair.split("=", 1) for pair in environ if "=" in pair)
        found.append((int(folder.name), pairs, words))
    return found


def _wait_for(condition, seconds: float, what: str, explain=lambda: "") -> None:
    deadline_s = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"{what}: not there after {seconds} s\n{explain()}")
        time.sleep(0.1)
