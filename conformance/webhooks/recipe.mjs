// Judges messages as a receiver would: npm `standardwebhooks` for v1, node:crypto for v1a. One word a line.
//   node recipe.mjs FILE     FILE: [{kind: "v1"|"v1a", key, headers, body}], body in base64
import { createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { Webhook } from "standardwebhooks";

const SPKI = Buffer.from("302a300506032b6570032100", "hex");

function asymmetric({ key, headers, body }) {
  const raw = Buffer.from(key.replace(/^whpk_/, ""), "base64");
  const publicKey = createPublicKey({ key: Buffer.concat([SPKI, raw]), format: "der", type: "spki" });
  const head = Buffer.from(`${headers["webhook-id"]}.${headers["webhook-timestamp"]}.`);
  const signed = Buffer.concat([head, Buffer.from(body, "base64")]);
  const signatures = headers["webhook-signature"].split(" ").filter((part) => part.startsWith("v1a,"));
  return signatures.some((part) => verify(null, signed, publicKey, Buffer.from(part.slice(4), "base64")));
}

function symmetric({ key, headers, body }) {
  try {
    new Webhook(key).verify(Buffer.from(body, "base64").toString(), headers);
    return true;
  } catch {
    return false;
  }
}

for (const message of JSON.parse(readFileSync(process.argv[2], "utf8"))) {
  console.log((message.kind === "v1" ? symmetric : asymmetric)(message) ? "accepted" : "refused");
}
