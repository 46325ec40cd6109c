import { once } from "node:events";
import { createServer, type Server as HttpServer, type ServerResponse } from "node:http";

/**
 * A language model that says what a test tells it to: it speaks the streaming part of
 * `/v1/chat/completions` and holds each answer open until the test lets it go on.
 */
export class ScriptedModel {
  private open: ServerResponse | undefined;
  private arrivals: (() => void)[] = [];

  private constructor(private readonly server: HttpServer) {
    server.on("request", (request, response) => {
      request.resume();
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.flushHeaders();
      this.open = response;
      for (const arrived of this.arrivals.splice(0)) arrived();
    });
  }

  static async start(): Promise<ScriptedModel> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new ScriptedModel(server);
  }

  get baseUrl(): string {
    const address = this.server.address();
    if (!address || typeof address !== "object") throw new Error("the model is not listening");
    return `http://127.0.0.1:${address.port}/v1`;
  }

  /** Resolves when a question has arrived that nothing was said to yet. */
  async asked(): Promise<void> {
    if (!this.open) await new Promise<void>((resolve) => this.arrivals.push(resolve));
  }

  /** Streams the next piece of the answer. */
  say(text: string): void {
    this.event({ choices: [{ index: 0, delta: { content: text }, finish_reason: null }] });
  }

  /** Ends the answer. */
  finish(): void {
    this.event({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
    this.open?.end("data: [DONE]\n\n");
    this.open = undefined;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }

  private event(data: unknown): void {
    if (!this.open) throw new Error("nobody has asked anything");
    this.open.write(`data: ${JSON.stringify(data)}\n\n`);
  }
}
