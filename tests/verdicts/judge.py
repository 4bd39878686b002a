"""Verdicts of `jitness phases --json` against verdicts.txt of the directory of sessions; a line a test. See run.sh.

A line: SESSION PHASE VERDICT[,VERDICT...]: every row of the phase that has passes after the warm-up (or, if none has, every row) has
one of these, and no other has more passes than the first. `#` begins a comment: why the program's passes are that. A session's path is
relative to DIR; all its phases are listed."""
import argparse
import collections
import json
import os
import subprocess
import sys


def rows_of(jitness, session):
    """{phase: [row]} of the rows that count"""
    out = subprocess.run([jitness, "phases", "--json", session], check=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    by = collections.defaultdict(list)
    for row in json.loads(out.stdout)["phases"]:
        by[row["name"]].append(row)
    return {name: [r for r in rows if r["warmup_passes"] < r["passes"]] or rows for name, rows in by.items()}


def word(row):
    return row["verdict"] + ("+replay" if row["replayed"] and row["verdict"] != "graph" else "")


def judge(want, rows):
    """What is wrong, or ''"""
    got = collections.Counter()
    for row in rows:
        got[word(row)] += row["passes"]
        shares = row["shares"]
        total = sum(shares[k] for k in ("eager", "written", "library", "unknown", "replay")) + shares["compiled"]
        if not row["verdict_evidence"]:
            return "%s has no evidence" % row["shape"]
        if any(not 0 <= v <= 1 for v in shares.values() if v is not None) or total > 2.001:
            return "%s: strange shares %s" % (row["shape"], shares)
    if not set(got) <= set(want) or got[want[0]] < max(got.values()):
        return "it is " + ", ".join("%s (%d passes)" % x for x in got.most_common())
    return ""


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--jitness", default="./jitness")
    p.add_argument("dir")
    a = p.parse_args()
    want, bad = collections.OrderedDict(), 0
    with open(os.path.join(a.dir, "verdicts.txt")) as f:
        for line in f:
            words = line.split("#")[0].split()
            if words:
                want.setdefault(words[0], {})[words[1]] = words[2].split(",")
    for session, phases in want.items():
        got = rows_of(a.jitness, os.path.join(a.dir, session + ".jitness"))
        for phase in sorted(set(phases) | set(got)):
            if phase not in phases:
                wrong = "verdicts.txt does not have the phase"
            elif phase not in got:
                wrong = "it has no such phase"
            else:
                wrong = judge(phases[phase], got[phase])
            bad += bool(wrong)
            print("not ok %s %s: %s" % (session, phase, wrong) if wrong else
                  "ok %s %s %s" % (session, phase, ",".join(phases[phase])))
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
