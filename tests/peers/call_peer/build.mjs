// Bundles page.mjs with matrix-js-sdk into dist/ for the browser.
import { build } from "esbuild";
import { copyFileSync, mkdirSync } from "node:fs";

await build({
    entryPoints: ["page.mjs"],
    outfile: "dist/page.js",
    bundle: true,
    format: "esm",
    target: "chrome120",
    define: { global: "globalThis" },
    logLevel: "warning",
});
copyFileSync("page.html", "dist/index.html");
// The encryption looks for its own file beside the script that asks for it.
const crypto = "matrix_sdk_crypto_wasm_bg.wasm";
mkdirSync("dist/pkg", { recursive: true });
copyFileSync(`node_modules/@matrix-org/matrix-sdk-crypto-wasm/pkg/${crypto}`, `dist/pkg/${crypto}`);
