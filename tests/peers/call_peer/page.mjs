// Runs in Chromium. Puts one matrix-js-sdk client and at most one legacy (m.call.*) call
// behind window.peer, so that a driver can play one side of a call from outside.
import * as sdk from "matrix-js-sdk";
import { CallEvent } from "matrix-js-sdk/lib/webrtc/call.js";
import { CallEventHandlerEvent } from "matrix-js-sdk/lib/webrtc/callEventHandler.js";

const started = performance.now();
const log = [];
const note = (kind, detail) => log.push({ ms: Math.round(performance.now() - started), kind, ...detail });

let client;
let call;
let incoming = [];

function adopt(newCall) {
    call = newCall;
    call.on(CallEvent.State, (state) => note("state", { state }));
    call.on(CallEvent.Error, (error) => note("error", { code: error.code, message: String(error.message) }));
    call.on(CallEvent.Hangup, (ended) => note("hangup", { by: ended.hangupParty, reason: ended.hangupReason }));
    call.on(CallEvent.LocalHoldUnhold, (held) => note("held by them", { held }));
    call.on(CallEvent.SendVoipEvent, (event) => note("sent", { type: event.eventType }));
    call.on(CallEvent.FeedsChanged, (feeds) => {
        const remote = feeds.find((feed) => !feed.isLocal());
        if (!remote) return;
        const video = document.getElementById("remote-video");
        if (video.srcObject !== remote.stream) video.requestVideoFrameCallback(() => note("first picture"));
        video.srcObject = remote.stream;
        document.getElementById("remote-audio").srcObject = remote.stream;
    });
    until(async () => ((await stats()).audioIn?.energy ?? 0) > 1e-5, "sound", 60_000).then(() => note("first sound"), () => {});
}

/** From now on the camera gives pictures of this size, whatever the SDK asks for. */
function film(width, height) {
    const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = ({ audio, video }) =>
        ask({ audio, video: video && { width: { exact: width }, height: { exact: height }, frameRate: { ideal: 30 } } });
}

function until(test, what, timeoutMs) {
    const deadline = performance.now() + timeoutMs;
    return new Promise((resolve, reject) => {
        const look = async () => {
            const value = await test();
            if (value) resolve(value);
            else if (performance.now() > deadline) reject(new Error(`no ${what} in ${timeoutMs} ms`));
            else setTimeout(look, 20);
        };
        look();
    });
}

async function login({ baseUrl, userId, accessToken, deviceId, relayOnly = false }) {
    client = sdk.createClient({
        baseUrl, userId, accessToken, deviceId,
        fallbackICEServerAllowed: false, // never ask a public STUN server
        useAuthorizationHeader: true,
        forceTURN: relayOnly,
    });
    // A device that is known can speak in encrypted rooms.
    if (deviceId) await client.initRustCrypto({ useIndexedDB: false });
    client.on(CallEventHandlerEvent.Incoming, (newCall) => {
        note("incoming", { callId: newCall.callId, type: newCall.type });
        incoming.push({ call: newCall, at: performance.now() });
    });
    client.on(sdk.RoomEvent.Timeline, (event) => {
        if (event.getType().startsWith("m.call.")) note("timeline", { type: event.getType(), sender: event.getSender() });
    });
    let ready = false;
    client.on(sdk.ClientEvent.Sync, (state) => {
        if (state === "PREPARED" || state === "SYNCING") ready = true;
    });
    await client.startClient({ initialSyncLimit: 5 });
    await until(() => ready, "first sync", 60_000);
    return { userId, supportsVoip: client.supportsVoip() };
}

async function place(roomId, { video = false } = {}) {
    await until(() => client.getRoom(roomId)?.getJoinedMemberCount() >= 2, "second member", 30_000);
    adopt(sdk.createNewMatrixCall(client, roomId));
    await (video ? call.placeVideoCall() : call.placeVoiceCall());
    return call.callId;
}

// The first incoming call that has rung for ringMs. Right after the first sync the SDK also
// announces calls of the past and ends them a moment later; those are dropped.
async function nextIncoming(ringMs, timeoutMs) {
    return until(() => {
        incoming = incoming.filter((i) => i.call.state !== "ended");
        if (incoming.length === 0 || performance.now() - incoming[0].at < ringMs) return undefined;
        return incoming.shift().call;
    }, "incoming call", timeoutMs);
}

async function answer({ audio = true, video = false, ringMs = 500, timeoutMs = 60_000 } = {}) {
    adopt(await nextIncoming(ringMs, timeoutMs));
    note("accepted");
    await call.answer(audio, video);
    return call.callId;
}

async function reject({ ringMs = 500, timeoutMs = 60_000 } = {}) {
    adopt(await nextIncoming(ringMs, timeoutMs));
    call.reject();
    return call.callId;
}

const waitState = (state, timeoutMs = 30_000) => until(() => call?.state === state, `state ${state}`, timeoutMs);

// What the media engine says, boiled down to what an interop test wants to assert on.
async function stats() {
    const pc = call?.peerConn;
    if (!pc || pc.signalingState === "closed") return { state: call?.state ?? "waiting" };
    const all = [...(await pc.getStats()).values()];
    const byId = new Map(all.map((s) => [s.id, s]));
    const transport = all.find((s) => s.type === "transport");
    const pair = byId.get(transport?.selectedCandidatePairId) ?? all.find((s) => s.type === "candidate-pair" && s.nominated);
    const end = (id) => {
        const c = byId.get(id);
        return c && { type: c.candidateType, protocol: c.protocol, address: c.address, port: c.port };
    };
    const rtp = (kind, direction) => {
        const s = all.find((x) => x.type === `${direction}-rtp` && x.kind === kind);
        return s && {
            codec: byId.get(s.codecId)?.mimeType,
            packets: s.packetsReceived ?? s.packetsSent,
            bytes: s.bytesReceived ?? s.bytesSent,
            lost: s.packetsLost,
            jitter: s.jitter,
            energy: s.totalAudioEnergy,
            frames: s.framesDecoded ?? s.framesEncoded,
            size: s.frameWidth && `${s.frameWidth}x${s.frameHeight}`,
        };
    };
    return {
        state: call.state,
        heldByThem: call.isLocalOnHold(),
        theyAreMuted: call.remoteUsermediaFeed?.isAudioMuted(),
        ice: pc.iceConnectionState,
        dtls: transport && { state: transport.dtlsState, version: transport.tlsVersion, cipher: transport.dtlsCipher, srtp: transport.srtpCipher },
        local: end(pair?.localCandidateId),
        remote: end(pair?.remoteCandidateId),
        rttSeconds: pair?.currentRoundTripTime,
        audioIn: rtp("audio", "inbound"), audioOut: rtp("audio", "outbound"),
        videoIn: rtp("video", "inbound"), videoOut: rtp("video", "outbound"),
    };
}

/** What this page sees of the other side: as PNG in base64, its mean colour and how much its brightness varies. */
function look() {
    const video = document.getElementById("remote-video");
    const [width, height] = [video.videoWidth, video.videoHeight];
    if (!width) return { error: "nothing was seen yet" };
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const context = canvas.getContext("2d");
    context.drawImage(video, 0, 0);
    const pixels = context.getImageData(0, 0, width, height).data;
    const count = width * height;
    const colour = [0, 0, 0];
    let [sum, squares] = [0, 0];
    for (let at = 0; at < pixels.length; at += 4) {
        for (let part = 0; part < 3; part++) colour[part] += pixels[at + part] / count;
        const bright = (pixels[at] + pixels[at + 1] + pixels[at + 2]) / 3;
        sum += bright;
        squares += bright * bright;
    }
    const spread = Math.sqrt(Math.max(0, squares / count - (sum / count) ** 2));
    return { width, height, colour, spread, png: canvas.toDataURL("image/png").split(",")[1] };
}

window.peer = {
    login, film, place, answer, reject, waitState, stats,
    log: () => log,
    state: () => call?.state,
    sdp: () => ({ local: call.peerConn.localDescription?.sdp, remote: call.peerConn.remoteDescription?.sdp }),
    mute: (on) => call.setMicrophoneMuted(on),
    hold: (on) => call.setRemoteOnHold(on),
    camera: (on) => call.setLocalVideoMuted(!on),
    look,
    hangup: () => call.hangup("user_hangup", false),
    stop: () => client.stopClient(),
};
