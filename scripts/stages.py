# SPDX-License-Identifier: MIT
"""Run the program and say what each of its stages took."""
import json
import os
import pathlib
import re
import subprocess
import sys
import time

BUILD = pathlib.Path(__file__).resolve().parent.parent / "build" / "release"
PROGRAM = BUILD / "bin" / "attrib"


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


class Stage:
    """One stage's sums over the times that it ran, and the time that it is in."""

    def __init__(self):
        self.seconds = self.busy = self.mib = 0.0
        self.first = None  # (wall, processor) where the present run was first seen
        self.last = 0.0    # its seconds as last reported

    def report(self, event, wall, processor, mib, threads):
        if self.first is None or event["seconds"] < self.last:
            self.first = (wall, processor)
            self.last = 0.0
        passed, worked = wall - self.first[0], processor - self.first[1]
        share = worked / passed / threads if passed > 0.2 else 1.0
        self.seconds += event["seconds"] - self.last
        self.busy += (event["seconds"] - self.last) * share
        self.mib = max(self.mib, mib)
        self.last = event["seconds"]


def run_stages(words, threads):
    """{stage: Stage}: seconds of wall time, `busy` those that its threads worked in it, and peak MiB."""
    stages = {}
    last = []
    line = [str(PROGRAM), *map(str, words), "--threads", str(threads), "--progress", "json"]
    with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        for text in process.stderr:
            last = (last + [text])[-5:]
            event = json.loads(text) if text.startswith("{") else {}
            if "stage" in event:
                processor, mib = read_process(process.pid)
                stage = stages.setdefault(event["stage"], Stage())
                stage.report(event, time.monotonic(), processor, mib, threads)
    if process.returncode != 0:
        sys.exit(f"{' '.join(line)}\n{''.join(last)}")
    return stages
