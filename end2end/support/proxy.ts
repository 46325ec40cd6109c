import { createServer, request, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";

/** A reverse proxy on a free port, as schools have one; it answers 502 while it is told that it reaches nothing. */
export class Proxy {
  isCutOff = false;

  private constructor(
    private readonly listener: HttpServer,
    readonly url: string,
  ) {}

  static async before(server: string): Promise<Proxy> {
    const listener = createServer((incoming, outgoing) => {
      if (proxy.isCutOff) {
        outgoing.writeHead(502, { "content-type": "text/html" }).end("<h1>Bad Gateway</h1>");
        return;
      }
      const { method, headers, url } = incoming;
      const passed = request(new URL(url ?? "/", server), { method, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      });
      passed.on("error", () => outgoing.destroy());
      // A stream of events ends when nobody listens any more.
      outgoing.on("close", () => passed.destroy());
      incoming.pipe(passed);
    });
    await new Promise<void>((listening) => listener.listen(0, "127.0.0.1", listening));
    const { port } = listener.address() as AddressInfo;
    const proxy = new Proxy(listener, `http://127.0.0.1:${port}`);
    return proxy;
  }

  async stop(): Promise<void> {
    const stopped = new Promise((resolve) => this.listener.close(resolve));
    this.listener.closeAllConnections();
    await stopped;
  }
}
