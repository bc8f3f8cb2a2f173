// A verify endpoint as one writes it with Express and jose: EdDSA tokens that say what a passport says, checked for
// signature, issuer and expiry. Arguments: port, file for what to ask.
import { writeFileSync } from "node:fs";
import express from "express";
import { generateKeyPair, jwtVerify, SignJWT } from "jose";

const [port, wishes] = process.argv.slice(2);
const COUNT = 2000;
const issuer = "https://id.example.org";
const { publicKey, privateKey } = await generateKeyPair("EdDSA", { crv: "Ed25519" });

const bodies = [];
for (let n = 0; n < COUNT; n += 1) {
  const claims = {
    passport_id: `pp_${n.toString(16).padStart(32, "0")}`,
    operator_id: "op_acme_corp",
    jurisdiction: "EU",
    risk_classification: "high",
    policy_bundle: "eu_ai_act+gdpr",
    policy_bundle_digest: `sha256:${"2c".repeat(32)}`,
    capability_attestation: { model: "claude-opus-4-7", provider: "anthropic", provider_signature: "k".repeat(86), grade: "declared" },
    scopes: ["calendar:read", "invoice:pay", "mail:send"],
    delegation: { depth: 0, max_depth: 1 },
    staleness_budget_seconds: 300,
    status: { list_url: `${issuer}/status/1`, index: n },
  };
  const signer = new SignJWT(claims).setProtectedHeader({ alg: "EdDSA", kid: "one" });
  const token = await signer.setIssuer(issuer).setSubject(`agent_${n}`).setIssuedAt().setExpirationTime("1y").sign(privateKey);
  bodies.push(JSON.stringify({ passport: token }));
}

const app = express();
app.disable("x-powered-by");
app.disable("etag");
app.use(express.json());
app.get("/ready", (_, response) => response.json({ ready: true }));
app.post("/verify", async (request, response) => {
  try {
    const { payload } = await jwtVerify(request.body.passport, publicKey, { issuer, algorithms: ["EdDSA"] });
    response.json({ valid: true, agent_id: payload.sub, expires_at: payload.exp, operator_id: payload.operator_id });
  } catch (error) {
    response.json({ valid: false, reason: error.code });
  }
});
const wanted = { path: "/verify", media: "application/json", header: "", good: '"valid":true', bodies };
writeFileSync(wishes, JSON.stringify(wanted));
app.listen(Number(port), "127.0.0.1");
