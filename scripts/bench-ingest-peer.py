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
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    bert = AutoModel.from_pretrained(folder, local_files_only=True).eval()

    def embed(texts):
        with torch.inference_mode():
            tokens = tokenizer(texts, padding=True, truncation=True, max_length=256, return_tensors="pt")
            states = bert(**tokens).last_hidden_state
            mask = tokens["attention_mask"].unsqueeze(-1)
            means = (states * mask).sum(1) / mask.sum(1)
            return torch.nn.functional.normalize(means, dim=1).tolist()

    return embed


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
    print(json.dumps({"first": ready, "ready": ready, "peak": peak}))


main()
