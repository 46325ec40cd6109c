import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../..");
/** The release that is tested: its program, with the names of its page files beside it, and those files. */
export const PROGRAM = process.env.STUDYIN_SERVER ?? join(ROOT, "target/release/server");
export const SITE = process.env.SITE_ROOT ?? join(ROOT, "target/site");
const MODEL = process.env.MODEL_DIR ?? join(ROOT, "data/models/all-MiniLM-L6-v2");

/** Longest a start may take on a busy machine, the model included. */
const START_MS = 60_000;
/** Longest a graceful stop may take before it is forced. */
const STOP_MS = 15_000;

/** Another program or other settings than usual. */
interface Release {
  program?: string;
  settings?: Record<string, string>;
}

/** A release server of the tests' own: free port, empty data folder, nothing of a developer's `.env`. */
export class Server {
  private readonly log: string[] = [];
  private child: ChildProcess;

  private constructor(
    private readonly port: number,
    private readonly folder: string,
    release: Release,
  ) {
    this.child = this.run(release);
  }

  static async start(settings: Record<string, string> = {}): Promise<Server> {
    const folder = await mkdtemp(join(tmpdir(), "studyin-end2end-"));
    const server = new Server(await freePort(), folder, { settings });
    await server.isReady();
    return server;
  }

  /** Goes on with another release on the same data and address, as after an upgrade. */
  async upgrade(release: Release): Promise<void> {
    await this.end();
    this.child = this.run(release);
    await this.isReady();
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** What the server has written so far. */
  output(): string {
    return this.log.join("");
  }

  private run({ program = PROGRAM, settings = {} }: Release): ChildProcess {
    if (!existsSync(program)) throw new Error(`${program} is missing: run \`make build\` first`);
    const child = spawn(program, {
      cwd: this.folder,
      env: {
        PATH: process.env.PATH,
        HOST: "127.0.0.1",
        PORT: String(this.port),
        DATA_DIR: join(this.folder, "data"),
        MODEL_DIR: MODEL,
        SITE_ROOT: SITE,
        // All students of a run come from one address.
        SIGNUPS_PER_HOUR: "100000",
        QUESTIONS_PER_MINUTE: "1000",
        ...settings,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const keep = (chunk: Buffer): void => void this.log.push(chunk.toString());
    child.stdout?.on("data", keep);
    child.stderr?.on("data", keep);
    return child;
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
    await this.end();
    await rm(this.folder, { recursive: true, force: true });
  }

  private async end(): Promise<void> {
    const { child } = this;
    if (child.exitCode !== null) return;
    const exited = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    const force = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    await exited;
    clearTimeout(force);
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
