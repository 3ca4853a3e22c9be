#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turns what tools/record_zero.sh left in a folder into the tables of its README.md. Standard library alone.

Every figure is read from the JSON lines beside it; nothing is rounded before it is compared.
"""
import glob
import json
import os
import sys

folder = sys.argv[1]


def rows(name):
    path = os.path.join(folder, name + ".jsonl")
    if not os.path.exists(path):
        return []
    with open(path) as f:
        return [json.loads(line) for line in f if line.strip()]


def split(name):
    """The cells of trained levels, of unseen levels, and the macro line."""
    cells = [r for r in rows(name) if "level" in r and r.get("task") not in ("macro", "macro_unseen")]
    macro = [r for r in rows(name) if r.get("task") == "macro"]
    unseen = [r for r in rows(name) if r.get("task") in ("macro_unseen", "macro-unseen", "macro unseen", "unseen")]
    return cells, (macro[0] if macro else None), (unseen[0] if unseen else None)


def percent(x):
    return "-" if x is None else f"{100 * x:.1f}"


def number(x, digits=2):
    return "-" if x is None else f"{x:.{digits}f}"


names = ["base", "base-forced"] + sorted(
    os.path.basename(p)[:-6] for p in glob.glob(os.path.join(folder, "seed-*.jsonl"))
)
data = {name: split(name) for name in names if rows(name)}

print("# R1-Zero on held-out problems\n")
print("Made by `tools/record_zero.sh`; every figure comes from the JSON lines in this folder. Temperature 1, macro-average over")
print("families and levels; the standard error is by problem.\n")
machine = os.path.join(folder, "machine.txt")
if os.path.exists(machine):
    print("```")
    print(open(machine).read().strip())
    print("```\n")
for run in rows("runs"):
    print(f"Seed {run['seed']}: {run['seconds'] / 60:.1f} minutes, evaluation inside the run included.")
print("\n## Trained levels\n")
print("| model | pass@1 % | cons % | format % | length | words a completion | words per 1,000 tokens | direct / worked / checked % | right after a first miss % | right with a corrected slip % |")
print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
for name, (_, m, _) in data.items():
    if not m:
        continue
    styles = " / ".join(percent(m.get(s)) for s in ("direct", "worked", "checked"))
    print(
        f"| {name} | {percent(m['pass@1'])} +- {percent(m['stderr'])} | {percent(m['cons@k'])} | {percent(m['format'])} "
        f"| {number(m['mean_length'], 1)} | {number(m['reflective_per_completion'])} | {number(m['reflective_per_1k_tokens'], 1)} "
        f"| {styles} | {percent(m.get('right_after_first_miss'))} | {percent(m.get('corrected_of_right'))} |"
    )
for title, index in (("Trained levels: pass@k %", 1), ("Levels that training never sees: pass@k %", 2)):
    if not any(d[index] for d in data.values()):
        continue
    print(f"\n## {title}\n")
    print("| model | " + " | ".join(str(2**i) for i in range(7)) + " |")
    print("| --- |" + " --- |" * 7)
    for name, d in data.items():
        if d[index]:
            table = d[index].get("pass@", {})
            values = [table.get(str(2**i)) for i in range(7)] if isinstance(table, dict) else table
            print(f"| {name} | " + " | ".join(percent(v) for v in values) + " |")
print("\n## Each family and level: pass@1 %\n")
print("| family | level | " + " | ".join(data) + " |")
print("| --- | --- |" + " --- |" * len(data))
cells = {name: {(c["task"], c["level"]): c for c in d[0]} for name, d in data.items()}
for key in cells.get("base", {}):
    mark = "" if cells["base"][key].get("trained_level", True) else " (unseen)"
    print(
        f"| {key[0]} | {key[1]}{mark} | "
        + " | ".join(
            f"{percent(cells[n][key]['pass@1'])} +- {percent(cells[n][key]['stderr'])}" if key in cells[n] else "-" for n in data
        )
        + " |"
    )
