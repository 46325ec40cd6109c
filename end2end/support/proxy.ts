import { createServer, request, type IncomingMessage, type Server as HttpServer } from "node:http";
import { connect, type AddressInfo, type Socket } from "node:net";

/** What a proxy does that does not reach the server: answers with this status, or not at all. */
type Fault = 404 | 502 | "silence";

/** A reverse proxy on a free port, as schools have one; it reaches the server as long as it has no fault. */
export class Proxy {
  private current: Fault | undefined;
  private readonly lines = new Set<Socket>();

  private constructor(
    private readonly listener: HttpServer,
    readonly url: string,
  ) {}

  get fault(): Fault | undefined {
    return this.current;
  }

  /** A fault also ends the web sockets that are open. */
  set fault(fault: Fault | undefined) {
    this.current = fault;
    if (fault) for (const line of this.lines) line.destroy();
  }

  static async before(server: string): Promise<Proxy> {
    const listener = createServer((incoming, outgoing) => {
      const { fault } = proxy;
      if (fault === "silence") return;
      if (fault) {
        outgoing.writeHead(fault, { "content-type": "text/html" }).end("<h1>Not here</h1>");
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
    listener.on("upgrade", (incoming, socket: Socket) => proxy.passOn(incoming, socket, new URL(server)));
    await new Promise<void>((listening) => listener.listen(0, "127.0.0.1", listening));
    const { port } = listener.address() as AddressInfo;
    const proxy = new Proxy(listener, `http://127.0.0.1:${port}`);
    return proxy;
  }

  /** Web sockets, byte by byte. */
  private passOn({ method, url, rawHeaders }: IncomingMessage, socket: Socket, server: URL): void {
    if (this.fault) {
      socket.destroy();
      return;
    }
    this.lines.add(socket);
    socket.on("close", () => this.lines.delete(socket));
    const passed = connect(Number(server.port), server.hostname);
    const fields = rawHeaders.map((text, at) => (at % 2 ? `${text}\r\n` : `${text}: `)).join("");
    passed.write(`${method} ${url} HTTP/1.1\r\n${fields}\r\n`);
    for (const [from, to] of [[socket, passed], [passed, socket]] as const) {
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => to.destroy());
    }
  }

  async stop(): Promise<void> {
    const stopped = new Promise((resolve) => this.listener.close(resolve));
    this.listener.closeAllConnections();
    await stopped;
  }
}
