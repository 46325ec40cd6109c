# Studyin: every target is a script in scripts/, which says what it does and how long it may take.
# Settings come from the environment or from .env (see .env.example).

.DEFAULT_GOAL := help
.PHONY: help setup run build test check bench bench-ingest bench-embed bench-backend bench-frontend eval api-check watch model screenshots bench-extract clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

setup: ## Install what is missing: toolchain, build tools, npm packages, embedding model
	@scripts/setup.sh

run: ## Build and serve on http://127.0.0.1:3000 (the first time takes a while, later seconds)
	@scripts/run.sh

build: ## Build the release server and its pages without starting it
	@scripts/build.sh

test: ## Everything: format, lints, Rust tests, browser tests; installs what it needs
	@scripts/test.sh

check: ## Format, lints and type checks; no tests, no browser
	@scripts/check.sh

api-check: ## Hold the API of the built server against its own description, with Schemathesis from PyPI
	@scripts/schemathesis.sh

bench: ## Measure start-up, memory, first-visit bytes and CPU per page of the release build
	@scripts/bench.sh

bench-ingest: ## Measure a document's way from upload to ready, beside Python peers where pip finds them
	@scripts/bench-ingest.sh

bench-extract: ## Hold the text of PDFs in CORPUS_DIR against poppler's pdftotext
	@scripts/bench-extract.sh

bench-embed: ## Texts embedded per second, against sentence-transformers (a 2 GB download) if it installs
	@scripts/bench-embed.sh

bench-backend: ## What a request costs, without and with the caches, beside Chroma where pip finds it
	@scripts/benchmark_backend.sh

bench-frontend: ## What a page costs its student in Chromium: bytes, paints, blocking, a click; throttled, cold and warm
	@scripts/benchmark_frontend.sh

eval: ## How well and how fast the search finds the answers of the question set in EVAL_DIR
	@scripts/eval.sh

watch: ## Development server that rebuilds and reloads on every edit
	@scripts/watch.sh

model: ## Fetch and verify the embedding model only
	@scripts/model.sh

screenshots: ## Picture every page, phone and desktop, light and dark, into target/screenshots
	@scripts/screenshots.sh

clean: ## Remove everything built; your data folder and the build tools stay
	@scripts/clean.sh
