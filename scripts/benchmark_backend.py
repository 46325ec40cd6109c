"""The same search through Chroma: a collection of vectors of several students, asked with a filter
for one of them. Usage: benchmark_backend.py PASSAGES SECONDS; prints one line of JSON."""

import json
import random
import sys
import tempfile
import time

import chromadb

DIMENSION = 384
BATCH = 5_000
#: Vectors of other students beside the asked one's: the filter has something to leave out.
OTHERS = 1

passages, seconds = int(sys.argv[1]), float(sys.argv[2])
dice = random.Random(1)


def vector() -> list[float]:
    return [dice.uniform(-1, 1) for _ in range(DIMENSION)]


with tempfile.TemporaryDirectory() as folder:
    client = chromadb.PersistentClient(folder)
    collection = client.create_collection("passages", metadata={"hnsw:space": "cosine"})
    total = passages * (1 + OTHERS)
    for start in range(0, total, BATCH):
        ids = range(start, min(start + BATCH, total))
        collection.add(
            ids=[str(one) for one in ids],
            embeddings=[vector() for _ in ids],
            documents=[f"passage {one}" for one in ids],
            metadatas=[{"user": "asked" if one < passages else "other"} for one in ids],
        )
    questions = [vector() for _ in range(200)]
    collection.query(query_embeddings=[questions[0]], n_results=8, where={"user": "asked"})
    times = []
    began, cpu = time.perf_counter(), time.process_time()
    while time.perf_counter() - began < seconds:
        started = time.perf_counter()
        collection.query(
            query_embeddings=[questions[len(times) % len(questions)]],
            n_results=8,
            where={"user": "asked"},
        )
        times.append(time.perf_counter() - started)
    cpu = time.process_time() - cpu
    wall = time.perf_counter() - began
    times.sort()
    print(
        json.dumps(
            {
                "p50_ms": times[len(times) // 2] * 1e3,
                "p99_ms": times[int((len(times) - 1) * 0.99)] * 1e3,
                "per_second": len(times) / wall,
                "cpu_ms": cpu / len(times) * 1e3,
            }
        )
    )
