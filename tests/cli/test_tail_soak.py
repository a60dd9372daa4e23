"""`trainviz tail --json` while runs are written at full speed: each record once, and in order."""

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

RECORDS = 5000  # of each run that is only appended to
DEADLINE_S = 60.0

# Appends to two runs by turns, in pieces that end anywhere; begins a third anew, now and then.
WRITER = """
import json, random, sys, time
from pathlib import Path

folder, count = Path(sys.argv[1]), int(sys.argv[2])
chance = random.Random(7)

files = {name: open(folder / name / "scalars.json", "ab", buffering=0) for name in "abc"}
for number in range(1, count):
    for name in ("a", "b"):
        line = json.dumps({"loss": 1 / (number + 1), "é" * 20: number, "step": number}).encode()
        cut = chance.randrange(len(line))
        files[name].write(line[:cut])
        if chance.random() < 0.1:
            time.sleep(0.002)  # so that somebody sees the half of it
        files[name].write(line[cut:] + b"\\n")
    if chance.random() < 0.01:
        files["c"].truncate(0)
        files["c"].write(b"".join(b'{"x": 1, "step": %d}\\n' % (number + i) for i in range(20)))
for name in ("a", "b"):
    files[name].write(b'{"end": 1, "step": %d}\\n' % count)
"""


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that coverage doesn't look into: a signal within its lock would hang them."""
    for name in ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("unmeasured")
def test_each_record_once_and_in_order(spawn: Any, tmp_path: Path) -> None:
    """As many come out as went in, whatever the looks found half written or begun anew."""
    for name in "abc":
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "scalars.json").write_text('{"x": 1, "step": 0}\n')
    child = spawn("tail", "runs", "--json", cwd=tmp_path)
    began = [json.loads(child.stdout.readline())["run"] for _ in range(3)]  # so all are followed
    assert sorted(began) == ["a", "b", "c"]
    printed: dict[str, list[int]] = {"a": [], "b": [], "c": []}
    ended: set[str] = set()

    def read() -> None:
        for line in child.stdout:
            record = json.loads(line)
            printed[record["run"]].append(record["step"])
            ended.update({record["run"]} & {"a", "b"} if "end" in record["values"] else ())
            if len(ended) == 2:
                break

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    subprocess.run(
        [sys.executable, "-c", WRITER, str(tmp_path / "runs"), str(RECORDS)],
        check=True,
        timeout=DEADLINE_S,
    )
    reader.join(DEADLINE_S)
    assert ended == {"a", "b"}
    child.terminate()
    _, err = child.communicate(timeout=DEADLINE_S)
    assert (child.returncode, err) == (0, b"")
    assert printed["a"] == list(range(1, RECORDS + 1))
    assert printed["b"] == list(range(1, RECORDS + 1))
    assert printed["c"]
    assert set(printed["c"]) <= set(range(RECORDS + 20))
