// Token introspection (RFC 7662) by oidc-provider with its own adapter in memory: opaque tokens of one client, asked
// about by it. Arguments: port, file for what to ask.
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const [port, wishes] = process.argv.slice(2);
const COUNT = 900; // its memory adapter keeps a thousand
const client = {
  client_id: "verifier",
  client_secret: "s".repeat(43),
  grant_types: ["client_credentials"],
  redirect_uris: [],
  response_types: [],
};
const provider = new Provider("http://127.0.0.1", {
  clients: [client],
  features: { clientCredentials: { enabled: true }, introspection: { enabled: true }, devInteractions: { enabled: false } },
  ttl: { ClientCredentials: 86400 },
});
const found = await provider.Client.find(client.client_id);
const bodies = [];
for (let n = 0; n < COUNT; n += 1) {
  const token = new provider.ClientCredentials({ client: found, scope: undefined });
  bodies.push(`token=${await token.save()}&token_type_hint=client_credentials`);
}

const handle = provider.callback();
const server = createServer((request, response) => {
  if (request.method === "GET") {
    response.writeHead(200, { "content-length": 2 });
    return response.end("{}");
  }
  return handle(request, response);
});
const basic = Buffer.from(`${client.client_id}:${client.client_secret}`).toString("base64");
const wanted = {
  path: "/token/introspection",
  media: "application/x-www-form-urlencoded",
  header: `Authorization: Basic ${basic}`,
  good: '"active":true',
  bodies,
};
writeFileSync(wishes, JSON.stringify(wanted));
server.listen(Number(port), "127.0.0.1");
