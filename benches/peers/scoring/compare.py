"""Scores a portfolio by two scorecards with arrears, DuckDB, Polars and zen-engine, in turn and
in one run, and holds what they tell against each other: groups, amounts and histograms must be
equal to the case.

usage: compare.py PROGRAM FOLDER [CASES [ROUNDS]]

PROGRAM is the benchmark `simulation`; FOLDER keeps columns and scorecards.

The task: from 14 columns of small whole numbers, of which one in twenty is missing, and amounts, the
score of every case by two scorecards of ten bins a column, held within 0 to 1,000; how many
cases, with what amount, go from which group to which; and both histograms of 20 ranges. `all`
changes all points of one scorecard, `bin` those of one bin. DuckDB and Polars keep the columns in
memory and are given the whole query each time, as they have no sums to go on from. arrears tells
the ten cases that move most and both priorities besides.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import duckdb
import numpy
import polars
import zen

CHARACTERISTICS = 14
BINS = 10
BASE = 500
CUTOFFS = (440, 560)
MISSING = numpy.iinfo(numpy.int32).min
# Cases that are scored one by one.
SINGLE = 20_000
NAMES = [f"n{at:02}" for at in range(CHARACTERISTICS)]


def columns(random, cases):
    """Numbers that hang together: a case is good or bad in all of them."""
    level = random.integers(0, 6, cases)
    found = {}
    for name in NAMES:
        column = (level + random.integers(0, 5, cases)).astype(numpy.int32)
        column[random.integers(0, 20, cases) == 0] = MISSING
        found[name] = column
    return found, random.integers(100, 1_000_100, cases)


def draft(random):
    """Points by characteristic and bin."""
    return random.integers(-40, 40, (CHARACTERISTICS, BINS)).tolist()


def card(points):
    """A scorecard as arrears reads it: a bin below 1, one from 9 on, those between of one number."""
    lines = [
        "scorecard_id: bench",
        f"base_points: {BASE}",
        f"cutoffs: {{ a: {CUTOFFS[1]}, b: {CUTOFFS[0]} }}",
        "diagnosis: { low_below_permille: 500, known_from_permille: 100 }",
        "characteristics:",
    ]
    for name, bins in zip(NAMES, points):
        lines += [
            f"- name: {name}",
            f"  feature: custom.{name}",
            "  kind: NUMBER",
            "  family: custom",
            "  dimension: ABILITY",
            "  reason: { code: R, text: t, audience: AGENT }",
            "  missing: { points: 0 }",
            "  bins:",
        ]
        for at, worth in enumerate(bins):
            start = f"from: {at}, " if at else ""
            end = f"to: {at + 1}, " if at < BINS - 1 else ""
            lines.append(f"  - {{ {start}{end}points: {worth} }}")
    lines.append("priority: { base_points: 0, terms: [] }")
    return "\n".join(lines) + "\n"


class Arrears:
    """The benchmark `simulation` as a process of its own."""

    def __init__(self, program, folder, cases):
        command = [program, "columns", str(folder), str(cases)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self.load_ms, self.bytes_a_case = map(float, self.process.stdout.readline().split())

    def ask(self, what):
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def told(self, what):
        answer = self.ask(what)
        return answer["ms"], (
            answer["cases"], answer["amounts"], answer["before"], answer["after"],
        )


def fold(rows):
    """From counts by ranges and groups to what is told."""
    cases, amounts = [0] * 9, [0] * 9
    before, after = [0] * 20, [0] * 20
    for first, second, group, other, count, amount in rows:
        pair = 3 * group + other
        cases[pair] += count
        amounts[pair] += int(amount)
        before[first] += count
        after[second] += count
    return cases, amounts, before, after


class DuckDb:
    """Columns in a table in memory."""

    def __init__(self, data, amounts, threads):
        self.database = duckdb.connect(config={"threads": threads})
        # Found by its name in the query.
        raw = dict(data, amount=amounts)
        told = ", ".join(f"nullif({name}, {MISSING}) AS {name}" for name in data)
        self.database.execute(f"CREATE TABLE cases AS SELECT amount, {told} FROM raw")

    @staticmethod
    def score(points):
        """Comparisons from the lowest bin on, which find most cases early."""
        sums = []
        for name, bins in zip(NAMES, points):
            when = "".join(f" WHEN {name} < {at + 1} THEN {worth}" for at, worth in enumerate(bins[:-1]))
            sums.append(f"CASE WHEN {name} IS NULL THEN 0{when} ELSE {bins[-1]} END")
        return f"greatest(0, least(1000, {BASE} + {' + '.join(sums)}))"

    def told(self, one, two):
        group = "CASE WHEN {0} >= %d THEN 0 WHEN {0} >= %d THEN 1 ELSE 2 END" % (CUTOFFS[1], CUTOFFS[0])
        query = f"""
            SELECT least(a // 50, 19), least(b // 50, 19), {group.format("a")}, {group.format("b")},
                count(*), sum(amount)
            FROM (SELECT amount, {self.score(one)} AS a, {self.score(two)} AS b FROM cases)
            GROUP BY ALL"""
        began = time.perf_counter()
        rows = self.database.execute(query).fetchall()
        return (time.perf_counter() - began) * 1_000, fold(rows)


class Polars:
    """Codes of bins in a frame, looked up in tables of points: the quickest of what was tried.
    Finding the bins is done beforehand, and not counted."""

    def __init__(self, data, amounts):
        codes = {
            name: numpy.where(column == MISSING, 0, numpy.clip(column, 0, BINS - 1) + 1).astype(numpy.uint32)
            for name, column in data.items()
        }
        self.frame = polars.DataFrame(codes | {"amount": amounts})

    @staticmethod
    def score(points):
        worth = lambda bins: polars.lit(polars.Series([0, *bins], dtype=polars.Int32))
        terms = [worth(bins).gather(polars.col(name)) for name, bins in zip(NAMES, points)]
        return polars.sum_horizontal(polars.lit(BASE, dtype=polars.Int32), *terms).clip(0, 1_000)

    def told(self, one, two):
        began = time.perf_counter()
        group = lambda name: (
            polars.when(polars.col(name) >= CUTOFFS[1]).then(0)
            .when(polars.col(name) >= CUTOFFS[0]).then(1).otherwise(2).cast(polars.UInt32)
        )
        least = lambda name: (polars.col(name) // 50).clip(0, 19).cast(polars.UInt32)
        key = ((least("a") * 20 + least("b")) * 3 + group("a")) * 3 + group("b")
        rows = (
            self.frame.lazy()
            .select("amount", a=self.score(one), b=self.score(two))
            .group_by(key.alias("key"))
            .agg(polars.len(), polars.col("amount").sum())
            .collect()
            .rows()
        )
        told = fold(
            (key // 180, key // 9 % 20, key // 3 % 3, key % 3, count, amount)
            for key, count, amount in rows
        )
        return (time.perf_counter() - began) * 1_000, told


def zen_engine(points, data, count):
    """One expression a case, compiled before; called from Python, whose cost is in it."""
    sums = []
    for name, bins in zip(NAMES, points):
        when = "".join(f"{name} < {at + 1} ? {worth} : " for at, worth in enumerate(bins[:-1]))
        sums.append(f"({name} == null ? 0 : {when}{bins[-1]})")
    score = zen.compile_expression(f"{BASE} + {' + '.join(sums)}")
    inputs = [
        {name: None if column[row] == MISSING else int(column[row]) for name, column in data.items()}
        for row in range(count)
    ]
    began = time.perf_counter()
    total = sum(min(1_000, max(0, int(score.evaluate(one)))) for one in inputs)
    return (time.perf_counter() - began) * 1_000, total


def main():
    program, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    cases = int(sys.argv[3]) if len(sys.argv) > 3 else 1_000_000
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 11
    cores = max(2, os.cpu_count() or 2)
    single = min(SINGLE, cases)
    random = numpy.random.default_rng(7)
    data, amounts = columns(random, cases)
    active, changed, other = (draft(random) for _ in range(3))
    one_bin = [list(bins) for bins in changed]
    one_bin[4][3] += 5
    folder.mkdir(parents=True, exist_ok=True)
    for name, points in [("active", active), ("draft", changed), ("other", other), ("bin", one_bin)]:
        (folder / f"{name}.yaml").write_text(card(points))
    for name, column in data.items():
        column.astype("<i4").tofile(folder / f"{name}.i32")
    amounts.astype("<i8").tofile(folder / "amount.i64")

    ours = Arrears(program, folder, cases)
    peers = {
        "DuckDB, 1 thread": DuckDb(data, amounts, 1).told,
        f"DuckDB, {cores} threads": DuckDb(data, amounts, cores).told,
        f"Polars, {polars.thread_pool_size()} threads": Polars(data, amounts).told,
    }
    times = {}
    note = lambda name, took: times.setdefault(name, []).append(took)
    for _ in range(rounds):
        for what, points in [("all", changed), ("bin", one_bin)]:
            took, told = ours.told(what)
            note(("arrears", what), took)
            assert sum(told[0]) == cases
            for name, peer in peers.items():
                took, theirs = peer(active, points)
                note((name, what), took)
                assert theirs == told, f"{name} tells something else: {theirs} and not {told}"
        answer = ours.ask(f"single {single}")
        note(("arrears", "single"), answer["ms"])
        took, total = zen_engine(active, data, single)
        note(("zen-engine", "single"), took)
        assert total == answer["sum"], (total, answer["sum"])

    print(f"{cases} cases x {CHARACTERISTICS} columns, two scorecards, median of {rounds}; all told the same")
    print(f"arrears takes {max(1, cores - 1)} threads; zen-engine is called from Python, which is in its time")
    print(f"arrears read the cases in {ours.load_ms:.0f} ms, {ours.bytes_a_case:.1f} bytes a case")
    for (name, what), all_times in times.items():
        took, least = statistics.median(all_times), statistics.median(times["arrears", what])
        each = f"{took / single * 1_000:8.2f} us a case" if what == "single" else f"{took:8.2f} ms"
        print(f"{what:<7} {name:<18} {each:>20}   {took / least:7.2f} of arrears")


if __name__ == "__main__":
    main()
