#!/usr/bin/env python3
"""Holds the text of `server extract` against poppler's `pdftotext`, page by page.

    scripts/measure-extraction.py FOLDER [--server target/release/server] [--worst N]

Raw text, before cleaning. A page counts when pdftotext finds at least 20 words on it; a document
that fails counts 0 on all of those pages. Words are what stands between white space.

  F1     the two pages' words as multisets
  order  the longest common subsequence of words, 2 * LCS / (words here + words there)

Needs Python 3.9 and poppler-utils, nothing else.
"""

import argparse
import json
import subprocess
import sys
import unicodedata
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# Fewer words are a title or a page number, where one word decides everything.
WORDS_MIN = 20
# Longest one document may take, in seconds; the child gives up by itself before.
PATIENCE_SECONDS = 600


def poppler_pages(file):
    """pdftotext ends every page with a form feed; the same text as one call a page."""
    run = subprocess.run(
        ["pdftotext", "-enc", "UTF-8", str(file), "-"], capture_output=True, timeout=PATIENCE_SECONDS
    )
    if run.returncode != 0:
        return []
    return run.stdout.decode("utf-8", "replace").split("\f")[:-1]


def our_pages(server, file):
    run = subprocess.run(
        [server, "extract", str(file)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={},
        timeout=PATIENCE_SECONDS,
    )
    pages, ending = {}, "died"
    for line in run.stdout.decode("utf-8", "replace").splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if "text" in value:
            pages[value["page"]] = value["text"]
        elif "failed" in value:
            ending = value["failed"]["kind"]
        elif "done" in value:
            ending = "read"
    return pages, ending


def words(text):
    # Folded on both sides, so that a ligature or a wide space decides nothing.
    return unicodedata.normalize("NFKC", text).split()


def f1(ours, theirs):
    common = sum((Counter(ours) & Counter(theirs)).values())
    return 2 * common / (len(ours) + len(theirs)) if common else 0.0


def order(ours, theirs):
    """Longest common subsequence, one machine word's worth of columns at a time."""
    places = {}
    for index, word in enumerate(theirs):
        places[word] = places.get(word, 0) | 1 << index
    row = (1 << len(theirs)) - 1
    full = row
    for word in ours:
        match = row & places.get(word, 0)
        row = ((row + match) | (row - match)) & full
    longest = len(theirs) - bin(row).count("1")
    return 2 * longest / (len(ours) + len(theirs)) if longest else 0.0


def measure(server, file):
    theirs = [words(page) for page in poppler_pages(file)]
    pages, ending = our_pages(server, file)
    rows = []
    for number, reference in enumerate(theirs, 1):
        if len(reference) < WORDS_MIN:
            continue
        ours = words(pages.get(number, "")) if ending == "read" else []
        rows.append((number, f1(ours, reference), order(ours, reference)))
    return file, ending, rows


def mean(values):
    values = list(values)
    return sum(values) / len(values) if values else 0.0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--server", default="target/release/server")
    parser.add_argument("--worst", type=int, default=0, help="also list the N worst pages")
    options = parser.parse_args()
    files = sorted(options.folder.rglob("*.pdf"))
    if not files:
        sys.exit(f"There are no PDFs in {options.folder}.")
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda file: measure(options.server, file), files))
    print(f"{'pages':>5}  {'F1':>5}  {'order':>5}  ending       file")
    every = []
    for file, ending, rows in results:
        every += [(file, *row) for row in rows]
        score = f"{mean(r[1] for r in rows):.3f}  {mean(r[2] for r in rows):.3f}" if rows else "    -      -"
        print(f"{len(rows):5}  {score}  {ending:11}  {file.name}")
    if not every:
        sys.exit("pdftotext found no page with enough words.")
    for file, page, words_score, order_score in sorted(every, key=lambda r: r[2])[: options.worst]:
        print(f"  worst: {words_score:.3f} {order_score:.3f} page {page} of {file.name}")
    endings = Counter(ending for _, ending, _ in results)
    print(f"\n{len(files)} files ({', '.join(f'{n} {what}' for what, n in endings.most_common())})")
    print(f"{len(every)} pages of {WORDS_MIN} words or more: F1 {mean(r[2] for r in every):.4f}, order {mean(r[3] for r in every):.4f}")


if __name__ == "__main__":
    main()
