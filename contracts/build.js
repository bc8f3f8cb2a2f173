// Compiles src/*.sol into artifacts/*.json. With --check nothing is written: the exit code says whether the committed
// artefacts are exactly what the compiler makes of the sources.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import solc from "solc";

const here = new URL(".", import.meta.url);
const check = process.argv.includes("--check");
const sources = Object.fromEntries(
  readdirSync(new URL("src/", here))
    .filter((name) => name.endsWith(".sol"))
    .sort()
    .map((name) => [`src/${name}`, { content: readFileSync(new URL(`src/${name}`, here), "utf8") }]),
);
// No metadata: the bytes depend on sources, compiler and these settings alone, not on comments or paths.
const settings = {
  evmVersion: "shanghai",
  optimizer: { enabled: true, runs: 200 },
  viaIR: true,
  metadata: { bytecodeHash: "none", appendCBOR: false },
  outputSelection: { "*": { "*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object"] } },
};
const output = JSON.parse(solc.compile(JSON.stringify({ language: "Solidity", sources, settings })));
for (const { severity, formattedMessage } of output.errors ?? []) {
  console.error(`${severity}: ${formattedMessage}`);
}
if ((output.errors ?? []).length > 0) process.exit(1);

let stale = 0;
for (const contracts of Object.values(output.contracts)) {
  for (const [name, { abi, evm }] of Object.entries(contracts)) {
    if (evm.bytecode.object === "") continue; // abstract, or an interface
    const artefact = {
      contract: name,
      compiler: solc.version(),
      evmVersion: settings.evmVersion,
      abi,
      bytecode: `0x${evm.bytecode.object}`,
      deployedBytecode: `0x${evm.deployedBytecode.object}`,
    };
    const file = new URL(`artifacts/${name}.json`, here);
    const text = `${JSON.stringify(artefact, null, 1)}\n`;
    if (!check) {
      writeFileSync(file, text);
    } else if (readFileSync(file, "utf8") !== text) {
      console.error(`artifacts/${name}.json is not what src/ compiles to; run: npm run build`);
      stale += 1;
    }
  }
}
if (check && stale === 0) console.log("artifacts/ are what src/ compiles to");
process.exit(stale === 0 ? 0 : 1);
