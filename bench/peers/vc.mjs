// Verification of W3C credentials as @digitalbazaar/vc does it, cryptosuite eddsa-rdfc-2022, behind node's own HTTP
// server. Nothing is fetched: contexts and the issuer's key are at hand. Arguments: port, file for what to ask.
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { DataIntegrityProof } from "@digitalbazaar/data-integrity";
import * as Ed25519Multikey from "@digitalbazaar/ed25519-multikey";
import { cryptosuite } from "@digitalbazaar/eddsa-rdfc-2022-cryptosuite";
import * as vc from "@digitalbazaar/vc";

const [port, wishes] = process.argv.slice(2);
const COUNT = 200;
const issuer = "did:web:id.example.org";
const id = `${issuer}#one`;
const pair = await Ed25519Multikey.generate({ id, controller: issuer });
const key = await pair.export({ publicKey: true, includeContext: true });
const controller = { "@context": ["https://www.w3.org/ns/did/v1"], id: issuer, assertionMethod: [key] };
const documentLoader = async (url) => {
  if (url === id) return { documentUrl: url, document: key };
  if (url === issuer) return { documentUrl: url, document: controller };
  return vc.defaultDocumentLoader(url);
};

const bodies = [];
for (let n = 0; n < COUNT; n += 1) {
  const credential = {
    "@context": ["https://www.w3.org/ns/credentials/v2", { "@vocab": "https://id.example.org/vocabulary#" }],
    type: ["VerifiableCredential", "AgentPassport"],
    issuer,
    validFrom: "2026-01-01T00:00:00Z",
    validUntil: "2099-01-01T00:00:00Z",
    credentialSubject: {
      id: `urn:agent:${n}`,
      operatorId: "op_acme_corp",
      jurisdiction: "EU",
      riskClassification: "high",
      policyBundle: "eu_ai_act+gdpr",
      policyBundleDigest: `sha256:${"2c".repeat(32)}`,
      capabilityAttestation: { model: "claude-opus-4-7", providerSignature: "k".repeat(86), grade: "declared" },
      scopes: ["calendar:read", "invoice:pay", "mail:send"],
      stalenessBudgetSeconds: 300,
    },
  };
  const suite = new DataIntegrityProof({ signer: pair.signer(), cryptosuite });
  bodies.push(JSON.stringify(await vc.issue({ credential, suite, documentLoader })));
}

const server = createServer((request, response) => {
  const answer = (value) => {
    const text = JSON.stringify(value);
    response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
    response.end(text);
  };
  if (request.method === "GET") return answer({ ready: true });
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", async () => {
    try {
      const credential = JSON.parse(Buffer.concat(pieces).toString());
      const suite = new DataIntegrityProof({ cryptosuite });
      const { verified, error } = await vc.verifyCredential({ credential, suite, documentLoader });
      answer({ valid: verified, reason: error && String(error.errors ?? error) });
    } catch (error) {
      answer({ valid: false, reason: String(error) });
    }
  });
});
const wanted = { path: "/verify", media: "application/json", header: "", good: '"valid":true', bodies };
writeFileSync(wishes, JSON.stringify(wanted));
server.listen(Number(port), "127.0.0.1");
