// The twelve lines of /identity/spec in JavaScript: npm canonicalize with node:crypto or with @noble/ed25519.
// `node recipe.mjs node|noble EVIDENCE`; evidence and output as in recipe.py.

import { createHash, createPublicKey, verify as nodeVerify } from "node:crypto";
import { readFileSync } from "node:fs";
import * as noble from "@noble/ed25519";
import canonicalize from "canonicalize";

class Refused extends Error {}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Parses and refuses duplicate keys, which JSON.parse keeps silent about: what it dropped is missing in the length. */
function parse(bytes) {
  let document, text;
  try {
    text = decoder.decode(bytes);
    document = JSON.parse(text);
  } catch {
    throw new Refused("malformed");
  }
  const bare = text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, "$1");
  if (document === null || typeof document !== "object" || bare.length !== canonicalize(document).length)
    throw new Refused("malformed");
  return document;
}

function signatureOf(text) {
  if (typeof text !== "string" || !text.startsWith("ed25519:")) throw new Refused("malformed");
  const raw = Buffer.from(text.slice(8), "base64url");
  // Decoders that ignore stray bits and characters would accept several spellings of one signature.
  if (raw.length !== 64 || raw.toString("base64url") !== text.slice(8)) throw new Refused("malformed");
  return raw;
}

/** Lines 2 to 7. */
async function proven({ signature, ...rest }, keys, holds) {
  const raw = signatureOf(signature);
  const message = Buffer.from(canonicalize(rest), "utf-8");
  const key = keys.find((key) => key.key_id === rest.key_id);
  if (key === undefined) throw new Refused("unknown-key");
  if (key.status === "revoked") throw new Refused("revoked-key");
  if (!(await holds(key, message, raw))) throw new Refused("bad-signature");
  return message;
}

async function check({ passport: encoded, now: text, list }, { keys, lists }, holds) {
  let digest = "";
  const judged = async () => {
    const passport = parse(Buffer.from(encoded, "base64"));
    const message = await proven(passport, keys.keys, holds);
    digest = " " + createHash("sha256").update(message).digest("hex");
    const now = Date.parse(text);
    if (now < Date.parse(passport.issued_at)) return "not-yet-valid";
    if (now >= Date.parse(passport.expires_at)) return "expired";
    return list === null ? "valid" : current(passport, lists[list], now, keys, holds);
  };
  try {
    return (await judged()) + digest;
  } catch (error) {
    if (error instanceof Refused) return error.message + digest;
    throw error;
  }
}

/** Lines 9 to 11. */
async function current(passport, listed, now, keys, holds) {
  try {
    if (listed.typ !== "aegis-revocations+v1") return "bad-list";
    await proven(listed, keys.service_keys.filter((key) => key.purpose === "status"), holds);
  } catch (error) {
    if (error instanceof Refused) return "bad-list";
    throw error;
  }
  if ((now - Date.parse(listed.as_of)) / 1000 > passport.staleness_budget_seconds) return "stale";
  return listed.revocations.some((entry) => entry.passport_id === passport.passport_id) ? "revoked" : "valid";
}

const tools = {
  node: (key, message, signature) => nodeVerify(null, message, createPublicKey(key.public_key_pem), signature),
  noble: async (key, message, signature) => {
    const point = Buffer.from(key.public_key_jwk.x, "base64url");
    return noble.verifyAsync(signature, message, point, { zip215: false }).catch(() => false);
  },
};

const [name, file] = process.argv.slice(2);
const evidence = JSON.parse(readFileSync(file, "utf-8"));
for (const one of evidence.cases) console.log(await check(one, evidence, tools[name]));
