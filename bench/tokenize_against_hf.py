#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How fast r1 turns text into token ids, beside Hugging Face's tokenizers on the same texts in the same run.

    python3 -m venv /tmp/venv && /tmp/venv/bin/pip install tokenizers==0.23.3
    /tmp/venv/bin/python bench/tokenize_against_hf.py build/release/r1 FOLDER...

A FOLDER holds a tokenizer.json. The texts are this project's own: prose, source, and the many scripts and odd strings of
tests/text/tiny, in rows of up to 4,000 characters, one call a row, one thread each. The two take turns, the best pass of each
counts, and both must give the same ids. Rows go to bench/results/tokenize-hf.csv.
"""
import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
from tokenizers import Tokenizer, __version__  # noqa: E402 (it reads the environment when it is imported)

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROUNDS, ROW = 5, 4000


def texts():
    rows = [json.loads(line)["text"] for line in open(ROOT / "tests/text/tiny/golden.jsonl", encoding="utf-8")]
    rows = ["".join(rows)] * 40
    for pattern in ("*.md", "docs/*.md", "src/*/*.c", "tools/*.py"):
        for path in sorted(ROOT.glob(pattern)):
            text = path.read_text(encoding="utf-8")
            rows += [text[i:i + ROW] for i in range(0, len(text), ROW)]
    return rows


def r1_rate(r1, folder, rows):
    command = [r1, "bench", "tokenize", "--model", folder, "--input", rows, "--threads", "1", "--repeats", "3", "--json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["value"]


def hf_rate(tokenizer, rows, n_bytes):
    start = time.perf_counter()
    for row in rows:
        tokenizer.encode(row, add_special_tokens=False).ids
    return n_bytes / (time.perf_counter() - start) * 1e-6


def same_ids(r1, folder, path, rows, tokenizer):
    out = subprocess.run([r1, "tokenize", "--model", folder, "--input", path], check=True, capture_output=True).stdout
    for number, (line, row) in enumerate(zip(out.split(b"\n"), rows)):
        if json.loads(line)["ids"] != tokenizer.encode(row, add_special_tokens=False).ids:
            sys.exit(f"{folder}: row {number} has other ids")


def machine():
    lines = open("/proc/cpuinfo", encoding="utf-8").read().splitlines()
    return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    r1, folders, rows = sys.argv[1], sys.argv[2:], texts()
    n_bytes = sum(len(row.encode()) for row in rows)
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True).stdout
    results = ROOT / "bench/results/tokenize-hf.csv"
    if not results.exists():
        results.write_text("date,commit,machine,tokenizer,bytes,r1 MB/s,tokenizers MB/s,ratio,tokenizers\n")
    with tempfile.TemporaryDirectory() as work, open(results, "a", encoding="utf-8") as out:
        path = os.path.join(work, "rows.jsonl")
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(json.dumps({"text": row}) + "\n" for row in rows)
        for folder in folders:
            tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
            same_ids(r1, folder, path, rows, tokenizer)
            ours = theirs = 0.0
            for _ in range(ROUNDS):
                ours = max(ours, r1_rate(r1, folder, path))
                theirs = max(theirs, hf_rate(tokenizer, rows, n_bytes))
            row = [datetime.date.today(), commit.strip(), machine().replace(",", ""), pathlib.Path(folder).name, n_bytes,
                   f"{ours:.2f}", f"{theirs:.2f}", f"{ours / theirs:.1f}", __version__]
            print(*row, sep=",")
            print(*row, sep=",", file=out)


main()
