"""What of src/ and instrumentation/ has run: reads the exports of llvm-cov, one for each way the core is built, and adds them up.

    report.py ROOT MISSED LINES BRANCHES EXPORT.json...

A line counts as run if any build ran it; a branch is one outcome of one condition or of one case. Comments, blank lines and lone brackets are no
lines here. Left out are conditions that the compiler knows, assertions (they must not fail), and lines with the words `unreached: REASON` in a comment.
MISSED becomes a list of what has not run. Ends with 1 if less than LINES or BRANCHES per cent have."""

import collections
import json
import os
import re
import sys

BRANCH, EXPANSION = 4, 1  # kinds of regions, as llvm-cov numbers them
CONSTANT = re.compile(r"[!()\s]*(?:[A-Z][A-Z0-9_]*|[0-9]+|true|false|sizeof\b.*)(?:\s*(?:==|!=|[<>]=?)\s*(?:[A-Z][A-Z0-9_]*|[0-9]+|sizeof\b.*))?[\s)]*")


class Source:
    """The lines of one file: which hold code, and which are left out."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            self.text = file.read().split("\n")
        self.code, self.excluded = set(), set()
        comment = False
        for number, text in enumerate(self.text, 1):
            if re.search(r"/\* unreached: \S", text):
                self.excluded.add(number)
            bare, comment = without_comments(text, comment)
            if re.search(r"[^\s{}();]", re.sub(r"\belse\b|\bdo\b", "", bare)) and not bare.lstrip().startswith("#"):
                self.code.add(number)

    def between(self, line, column, end_line, end_column):
        if line == end_line:
            return self.text[line - 1][column - 1 : end_column - 1]
        return " ".join([self.text[line - 1][column - 1 :], *self.text[line : end_line - 1], self.text[end_line - 1][: end_column - 1]])


def without_comments(text, comment):
    """The code in a line, and whether a comment goes on behind it; `comment`: whether one goes on before it."""
    code = ""
    while text:
        if comment:
            _, found, text = text.partition("*/")
            comment = not found
            continue
        block, line = text.find("/*"), text.find("//")
        if line >= 0 and (block < 0 or line < block):
            return code + text[:line], False
        code += text if block < 0 else text[:block]
        text, comment = ("", False) if block < 0 else (text[block + 2 :], True)
    return code, comment


def line_counts(segments):
    """How often each line ran, from the segments of a file, as llvm-cov itself works it out."""
    by_line = collections.defaultdict(list)
    for segment in segments:
        by_line[segment[0]].append(segment)
    wrapped, counts = None, {}
    for line in range(min(by_line, default=1), max(by_line, default=0) + 1):
        here = by_line.get(line, [])
        starts = [s for s in here if s[3] and s[4] and not s[5]]
        skipped = bool(here) and not here[0][3] and here[0][4]
        if not skipped and ((wrapped and wrapped[3]) or starts):
            counts[line] = max([wrapped[2] if wrapped else 0] + [s[2] for s in starts])
        if here:
            wrapped = here[-1]
    return counts


class Coverage:
    def __init__(self, root):
        self.root = root
        self.sources = {}
        self.lines = collections.Counter()
        self.branches = collections.Counter()

    def path(self, name):
        """The path within the tree, or None if that file is not measured."""
        name = name.rpartition("/./")[2]  # compilers hide the folder of the tree, and may name that of the build before it
        path = os.path.relpath(os.path.join(self.root, name), self.root)
        return path if re.match(r"(src|instrumentation)/(?!platform/refuse/)", path) else None

    def source(self, path):
        if path not in self.sources:
            self.sources[path] = Source(os.path.join(self.root, path))
        return self.sources[path]

    def add(self, export):
        for data in export["data"]:
            for file in data["files"]:
                path = self.path(file["filename"])
                for line, count in line_counts(file["segments"]).items() if path else ():
                    if line in self.source(path).code - self.source(path).excluded:
                        self.lines[path, line] += count
            for function in data["functions"]:
                self.add_branches(function)

    def add_branches(self, function):
        names = function["filenames"]
        used_at = {r[6]: r for r in function["regions"] if r[7] == EXPANSION}
        for region in function["branches"]:
            line, column, end_line, end_column, true, false, file = region[:7]
            within = self.path(names[file])
            if not within:
                continue  # of a macro of the system's
            text = " ".join(self.source(within).between(line, column, end_line, end_column).split())
            if CONSTANT.fullmatch(text):
                continue
            where = (within, line, column)
            while file in used_at:  # a macro's condition counts where the macro is used
                use = used_at[file]
                file, line, column = use[5], use[0], use[1]
            path = self.path(names[file])
            if not path or line in self.source(path).excluded or re.search(r"\bassert\(", self.source(path).text[line - 1]):
                continue
            self.branches[path, line, column, where, text, True] += true
            self.branches[path, line, column, where, text, False] += false


def share(part, whole):
    return 100 * part / whole if whole else 100.0


def table(title, counts):
    print(f"{title:<44}  {'lines':<19}branches")
    for name, (lines, ran, branches, taken) in counts:
        print(f"{name:<44}  {share(ran, lines):5.1f} % of {lines:<6}  {share(taken, branches):5.1f} % of {branches}")


def main():
    root, missed, least_lines, least_branches = sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4])
    coverage = Coverage(root)
    for name in sys.argv[5:]:
        with open(name, encoding="utf-8") as file:
            coverage.add(json.load(file))
    if not coverage.lines:
        sys.exit("nothing of src/ and instrumentation/ was counted")
    files, folders, total = (collections.defaultdict(lambda: [0, 0, 0, 0]) for _ in range(3))
    for counter, first in ((coverage.lines, 0), (coverage.branches, 2)):
        for key, count in counter.items():
            for sums in (files[key[0]], folders[os.path.dirname(key[0])], total["all"]):
                sums[first] += 1
                sums[first + 1] += count > 0
    with open(missed, "w", encoding="utf-8") as out:
        lines = [(path, line, 0, "never run: " + coverage.source(path).text[line - 1].strip()) for (path, line), n in coverage.lines.items() if not n]
        lines += [
            (path, line, column, f"never {str(outcome).lower()}: {text}")
            for (path, line, column, _, text, outcome), n in coverage.branches.items()
            if not n and coverage.lines[path, line]
        ]
        for path, line, column, text in sorted(lines):
            out.write(f"{path}:{line}:{column}: {text}\n" if column else f"{path}:{line}: {text}\n")
    table("folder", sorted(folders.items()))
    print()
    worst = sorted(files.items(), key=lambda item: item[1][0] - item[1][1] + item[1][2] - item[1][3], reverse=True)
    table("the files with the most that has not run", worst[:15])
    print()
    table("", total.items())
    lines, ran, branches, taken = total["all"]
    below = share(ran, lines) < least_lines or share(taken, branches) < least_branches
    if below:
        print(f"below the goal of {least_lines:g} % of the lines and {least_branches:g} % of the branches")
    print(f"what has not run: {missed}")
    return below


sys.exit(main())
