// Puts an access token on each request and hands it on as it is: the conformance suite
// cannot send one itself. Prints its own address.
//   node bearer.mjs http://127.0.0.1:3000/mcp   (token in RELEASES_TOKEN)
import http from "node:http";

const target = new URL(process.argv[2]);
const server = http.createServer((request, response) => {
  // The Host header is part of what is tested; where it names this proxy, it means the target.
  const host = request.headers.host === `127.0.0.1:${server.address().port}` || request.headers.host === `localhost:${server.address().port}`
    ? request.headers.host.replace(/:\d+$/, `:${target.port}`) : request.headers.host;
  const headers = { ...request.headers, host, authorization: `Bearer ${process.env.RELEASES_TOKEN}` };
  if (headers.origin) headers.origin = headers.origin.replace(`:${server.address().port}`, `:${target.port}`);
  const forward = http.request({ host: target.hostname, port: target.port, path: request.url, method: request.method, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  forward.on("error", (error) => { response.writeHead(502); response.end(String(error)); });
  request.pipe(forward);
});
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}${target.pathname}`));
