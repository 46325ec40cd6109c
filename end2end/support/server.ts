import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
const PROGRAM = process.env.STUDYIN_SERVER ?? join(ROOT, "target/release/server");
const MODEL = process.env.MODEL_DIR ?? join(ROOT, "data/models/all-MiniLM-L6-v2");

/** Longest a start may take on a busy machine, the model included. */
const START_MS = 60_000;
/** Longest a graceful stop may take before it is forced. */
const STOP_MS = 15_000;

/** A release server of the tests' own: free port, empty data folder, nothing of a developer's `.env`. */
export class Server {
  private constructor(
    readonly url: string,
    private readonly child: ChildProcess,
    private readonly folder: string,
    private readonly log: string[],
  ) {}

  static async start(settings: Record<string, string> = {}): Promise<Server> {
    if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is missing: run \`make build\` first`);
    const folder = await mkdtemp(join(tmpdir(), "studyin-end2end-"));
    const port = await freePort();
    const log: string[] = [];
    const child = spawn(PROGRAM, {
      cwd: folder,
      env: {
        PATH: process.env.PATH,
        HOST: "127.0.0.1",
        PORT: String(port),
        DATA_DIR: join(folder, "data"),
        MODEL_DIR: MODEL,
        SITE_ROOT: process.env.SITE_ROOT ?? join(ROOT, "target/site"),
        // All students of a run come from one address.
        SIGNUPS_PER_HOUR: "100000",
        QUESTIONS_PER_MINUTE: "1000",
        ...settings,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const keep = (chunk: Buffer): void => void log.push(chunk.toString());
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);

    const server = new Server(`http://127.0.0.1:${port}`, child, folder, log);
    await server.isReady();
    return server;
  }

  /** What the server has written so far. */
  output(): string {
    return this.log.join("");
  }

  private async isReady(): Promise<void> {
    const deadline = Date.now() + START_MS;
    while (Date.now() < deadline) {
      if (this.child.exitCode !== null) break;
      const answer = await fetch(`${this.url}/health/ready`).catch(() => undefined);
      if (answer?.ok) return;
      await new Promise((resume) => setTimeout(resume, 100));
    }
    const output = this.output();
    await this.stop();
    throw new Error(`the server did not become ready:\n${output}`);
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null) {
      const exited = new Promise((resolve) => this.child.once("exit", resolve));
      this.child.kill("SIGTERM");
      const force = setTimeout(() => this.child.kill("SIGKILL"), STOP_MS);
      await exited;
      clearTimeout(force);
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => {
        if (address && typeof address === "object") resolve(address.port);
        else reject(new Error("no free port"));
      });
    });
  });
}
