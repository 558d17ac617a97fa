// Plays one or both sides of a legacy 1:1 call with matrix-js-sdk in headless Chromium.
//
//   node drive.mjs pair --room ID --a URL,USER,TOKEN[,DEVICE] --b URL,USER,TOKEN[,DEVICE] [--video] [--seconds 5] [--sdp]
//   node drive.mjs place  --room ID --a URL,USER,TOKEN [--video] [--seconds 5]
//   node drive.mjs answer --a URL,USER,TOKEN [--video] [--seconds 5] [--size 1280x720]
//
// `pair` needs nothing else; `place` and `answer` leave the other side to another program. Prints one JSON object.
// With `--talk` it says by a line of JSON that it has synced (the SDK takes no call from before that), then takes words on
// standard input, a line each, and answers each with another line before that object:
// `stats`, `mute on|off`, `camera on|off`, `hold on|off`, `look FILE` (what is seen, as PNG), `hangup`, until the call is over.
// All addresses are loopback: in a network namespace that has nothing but `lo` nothing else is reachable at all.
import { createServer } from "node:http";
import { readFile, writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";

const FLAGS = [
    "--use-fake-device-for-media-stream", // a beep and a moving test picture
    "--use-fake-ui-for-media-stream", // getUserMedia is granted
    "--allow-loopback-in-peer-connection", // otherwise 127.0.0.1 never becomes an ICE candidate
    "--disable-features=WebRtcHideLocalIpsWithMdns", // real addresses, not xxxx.local, in candidates
    "--autoplay-policy=no-user-gesture-required",
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
];
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };

function servePage() {
    const root = fileURLToPath(new URL("dist/", import.meta.url));
    const server = createServer(async (request, response) => {
        const name = request.url === "/" ? "index.html" : request.url.slice(1).split("?")[0];
        if (!/^(pkg\/)?[\w.-]+$/.test(name)) return response.writeHead(404).end();
        try {
            const body = await readFile(join(root, name));
            response.writeHead(200, { "Content-Type": TYPES[extname(name)] ?? "application/octet-stream" }).end(body);
        } catch {
            response.writeHead(404).end();
        }
    });
    return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

function account(text) {
    const [baseUrl, userId, accessToken, deviceId] = text.split(",");
    return { baseUrl, userId, accessToken, deviceId };
}

const run = (page, method, ...args) => page.evaluate(([m, a]) => window.peer[m](...a), [method, args]);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Does what the lines of standard input say, until the call is over; answers the last statistics that there were. */
async function talk(page) {
    let last;
    const sampling = setInterval(async () => {
        const stats = await run(page, "stats").catch(() => ({}));
        if (stats.dtls?.state === "connected") last = stats;
    }, 250);
    const acts = {
        stats: async () => ({ ...(await run(page, "stats")), log: await run(page, "log") }),
        mute: (on) => run(page, "mute", on === "on"),
        camera: (on) => run(page, "camera", on === "on"),
        hold: (on) => run(page, "hold", on === "on"),
        hangup: () => run(page, "hangup"),
        look: async (file) => {
            const seen = await run(page, "look");
            if (seen.png) await writeFile(file, Buffer.from(seen.png, "base64"));
            return { ...seen, png: undefined, saved: seen.png && file };
        },
    };
    const over = run(page, "waitState", "ended", 600_000).then(() => null);
    const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
    let next = lines.next();
    for (;;) {
        const line = await Promise.race([next, over]);
        if (!line || line.done) {
            clearInterval(sampling);
            return last;
        }
        const [word, ...rest] = line.value.trim().split(" ");
        const done = await Promise.resolve(acts[word]?.(rest.join(" "))).catch((error) => ({ error: String(error.message) }));
        console.log(JSON.stringify(done ?? { done: line.value }));
        next = lines.next();
    }
}

const { positionals, values: o } = parseArgs({
    allowPositionals: true,
    options: {
        a: { type: "string" }, b: { type: "string" }, room: { type: "string" }, video: { type: "boolean", default: false },
        seconds: { type: "string", default: "5" }, chromium: { type: "string", default: "/usr/bin/chromium" },
        "hangup-by": { type: "string", default: "a" }, verbose: { type: "boolean", default: false },
        sdp: { type: "boolean", default: false }, talk: { type: "boolean", default: false },
        "relay-only": { type: "boolean", default: false }, size: { type: "string" },
    },
});
const mode = positionals[0];
const server = await servePage();
const began = performance.now();
const since = () => Math.round(performance.now() - began);
const browser = await chromium.launch({ executablePath: o.chromium, headless: true, args: FLAGS });
const answer = { mode, video: o.video, marks: {} };
let failed = false;
try {
    const open = async (name, text) => {
        const context = await browser.newContext({ permissions: ["microphone", "camera"] });
        const page = await context.newPage();
        if (o.verbose) page.on("console", (m) => console.error(name, m.text()));
        page.on("pageerror", (e) => console.error(name, "page error:", e.message));
        await page.goto(`http://127.0.0.1:${server.address().port}/`);
        await page.waitForFunction(() => window.peer);
        if (o.size) await run(page, "film", ...o.size.split("x").map(Number));
        await run(page, "login", { ...account(text), relayOnly: o["relay-only"] });
        return page;
    };
    const pages = { a: await open("a", o.a), ...(mode === "pair" ? { b: await open("b", o.b) } : {}) };
    answer.marks.synced = since();
    if (o.talk) console.log(JSON.stringify({ synced: since() }));
    if (mode === "pair") {
        const answering = run(pages.b, "answer", { audio: true, video: o.video });
        await run(pages.a, "place", o.room, { video: o.video });
        answer.marks.placed = since();
        await answering;
        answer.marks.answered = since();
    } else if (mode === "place") {
        await run(pages.a, "place", o.room, { video: o.video });
        answer.marks.placed = since();
    } else {
        await run(pages.a, "answer", { audio: true, video: o.video });
        answer.marks.answered = since();
    }
    let talked;
    if (o.talk) talked = await talk(pages.a);
    else {
        await Promise.all(Object.values(pages).map((page) => run(page, "waitState", "connected")));
        answer.marks.connected = since();
        await pause(Number(o.seconds) * 1000);
    }
    for (const [name, page] of Object.entries(pages)) answer[name] = { stats: talked ?? (await run(page, "stats")), ...(o.sdp ? { sdp: await run(page, "sdp") } : {}) };
    const ender = pages[o["hangup-by"]];
    if (ender && (await run(ender, "state")) !== "ended") await run(ender, "hangup");
    await Promise.all(Object.values(pages).map((page) => run(page, "waitState", "ended")));
    answer.marks.ended = since();
    for (const [name, page] of Object.entries(pages)) answer[name].log = await run(page, "log");
} catch (error) {
    failed = true;
    answer.error = String(error.message ?? error);
    for (const [i, context] of browser.contexts().entries())
        answer[`log${i}`] = await run(context.pages()[0], "log").catch(() => []);
} finally {
    await browser.close();
    server.close();
    process.stdin.destroy();
}
console.log(JSON.stringify(answer));
process.exitCode = failed ? 1 : 0;
