# SPDX-License-Identifier: MIT
"""Run the program and say what each of its stages took."""
import bisect
import json
import math
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import time

BUILD = pathlib.Path(__file__).resolve().parent.parent / "build" / "release"
PROGRAM = BUILD / "bin" / "attrib"


def cpu_name():
    """The name, family and model that the kernel gives the processor: hosts often hide which one it is."""
    info = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    found = {k: re.search(rf"^{k}\s*: (.*)$", info, re.MULTILINE) for k in ("model name", "cpu family", "model")}
    name, family, model = (m[1] if m else "?" for m in found.values())
    return f"{name} (family {family} model {model})"


def read_process(pid):
    """Processor seconds so far, and peak MiB since the last call."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
        status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return 0.0, 0.0
    seconds = (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
    found = re.search(r"VmHWM:\s+(\d+)", status)
    return seconds, int(found[1]) / 1024 if found else 0.0


class Sampler(threading.Thread):
    """Processor seconds of a process by wall time, and its peak MiB between the times."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.samples, self.over = pid, [(time.monotonic(), 0.0, 0.0)], threading.Event()
        self.lock = threading.Lock()
        self.start()

    def sample(self):
        with self.lock:
            seconds, mib = read_process(self.pid)
            if mib:
                self.samples.append((time.monotonic(), seconds, mib))

    def run(self):
        while not self.over.wait(0.05):
            self.sample()

    def peak(self, begin):
        """From a time on until now: of samples that began since, 0 without any; and of the last one, whenever it began."""
        i = bisect.bisect_left(self.samples, (begin,))
        return max((mib for _, _, mib in self.samples[i + 1:]), default=0.0), self.samples[-1][2]

    def at(self, wall):
        """Seconds worked up to a time, between samples in proportion."""
        i = bisect.bisect(self.samples, (wall, math.inf))
        before, after = self.samples[max(i - 1, 0)], self.samples[min(i, len(self.samples) - 1)]
        share = (wall - before[0]) / (after[0] - before[0]) if after[0] > before[0] else 0
        return before[1] + share * (after[1] - before[1])


class Stage:
    """One stage's sums over the times that it ran. The seconds that the program reports go on from one time to the next."""

    def __init__(self):
        self.seconds = self.busy = 0.0
        self.own_mib = self.any_mib = 0.0  # of samples that began in the stage; and of others, which saw the one before

    def report(self, event, sampler, threads):
        wall = time.monotonic()
        passed = max(event["seconds"] - self.seconds, 0.0)  # workers may report out of turn
        sampler.sample()
        own, last = sampler.peak(wall - passed)
        self.own_mib, self.any_mib = max(self.own_mib, own), max(self.any_mib, last)
        self.seconds += passed
        self.busy += (sampler.at(wall) - sampler.at(wall - passed)) / threads

    @property
    def mib(self):
        return self.own_mib or self.any_mib


def run_stages(words, threads, last_stage=None, messages=None):
    """{stage: Stage}: seconds of wall time, `busy` those that its threads worked in it, and peak MiB. The program is
    interrupted when another stage follows last_stage. What it says of itself with -v goes to the list of messages."""
    stages = {}
    last = []
    is_stopped = False
    line = [str(PROGRAM), *map(str, words), "--threads", str(threads), "--progress", "json"]
    if messages is not None:
        line.append("-v")
    with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        sampler = Sampler(process.pid)
        for text in process.stderr:
            last = (last + [text])[-5:]
            event = json.loads(text) if text.startswith("{") else {}
            if messages is not None and "message" in event:
                messages.append(event["message"])
            if "stage" in event:
                if last_stage in stages and event["stage"] != last_stage:
                    process.send_signal(signal.SIGINT)
                    is_stopped = True
                    break
                stages.setdefault(event["stage"], Stage()).report(event, sampler, threads)
        sampler.over.set()
        process.stderr.read()
    if process.returncode != 0 and not is_stopped:
        sys.exit(f"{' '.join(line)}\n{''.join(last)}")
    return stages
