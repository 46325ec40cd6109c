"""What the usual Python pieces need for the same document: pypdf takes the text out, windows of words
are embedded, Chroma keeps them. Usage: bench-ingest-peer.py FILE EMBEDDER MODEL_DIR; prints one JSON
line. Written as their manuals show it: nothing can be searched before everything is stored."""

import hashlib
import json
import math
import resource
import sys
import tempfile
import time

WINDOW_WORDS = 165
"""About 220 tokens, as Studyin's own passages."""
BATCH = 32


def stub(texts):
    """The same stand-in as Studyin's: words hashed into 384 places."""
    vectors = []
    for text in texts:
        vector = [0.0] * 384
        for word in text.lower().split():
            number = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")
            vector[number % 384] += 1.0 if number >> 63 == 0 else -1.0
        length = math.sqrt(sum(x * x for x in vector)) or 1.0
        vectors.append([x / length for x in vector])
    return vectors


def model(folder):
    from sentence_transformers import SentenceTransformer

    bert = SentenceTransformer(folder, device="cpu", local_files_only=True)
    bert.max_seq_length = 256
    return lambda texts: bert.encode(texts, batch_size=BATCH, normalize_embeddings=True).tolist()


def main():
    file, embedder, folder = sys.argv[1:4]
    import chromadb
    from pypdf import PdfReader

    embed = stub if embedder == "stub" else model(folder)
    embed(["warm"])
    client = chromadb.PersistentClient(path=tempfile.mkdtemp(), settings=chromadb.Settings(anonymized_telemetry=False))
    passages = client.create_collection("pages")

    began = time.perf_counter()
    texts = []
    for page in PdfReader(file).pages:
        words = page.extract_text().split()
        texts += [" ".join(words[at : at + WINDOW_WORDS]) for at in range(0, len(words), WINDOW_WORDS)]
    for at in range(0, len(texts), BATCH):
        batch = texts[at : at + BATCH]
        names = [str(number) for number in range(at, at + len(batch))]
        passages.add(ids=names, documents=batch, embeddings=embed(batch))
    ready = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"first": ready, "ready": ready, "texts": len(texts), "peak": peak}))


main()
