/** matrix-js-sdk as an ordinary client: `node suite.mjs URL USER_A PASSWORD_A USER_B PASSWORD_B`; its last line counts the cases. */
import assert from 'node:assert/strict';
import sdk from 'matrix-js-sdk';
import { CryptoEvent, VerificationPhase, VerifierEvent } from 'matrix-js-sdk/lib/crypto-api/index.js';
import { logger } from 'matrix-js-sdk/lib/logger.js';

const [url, nameA, passwordA, nameB, passwordB] = process.argv.slice(2);
const DEADLINE = 60_000;
const people = [];
logger.setLevel('silent');
const say = console.log;
// The encryption's own log goes to the console whatever is asked of it.
for (const level of ['debug', 'info', 'log', 'warn', 'error', 'trace']) console[level] = () => {};

/** Waits until `look` finds something, asking again whenever a client has heard anything. */
async function until(what, look) {
  const end = Date.now() + DEADLINE;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited for ${what} in vain`);
    await new Promise((go) => setTimeout(go, 50));
  }
}

async function person(name, password) {
  const keys = { recovery: null };
  const signing = sdk.createClient({ baseUrl: url });
  const session = await signing.loginRequest({ type: 'm.login.password', identifier: { type: 'm.id.user', user: name }, password, initial_device_display_name: 'js-sdk' });
  const client = sdk.createClient({
    baseUrl: url,
    userId: session.user_id,
    deviceId: session.device_id,
    accessToken: session.access_token,
    cryptoCallbacks: {
      getSecretStorageKey: async ({ keys: wanted }) => [Object.keys(wanted)[0], keys.recovery],
      cacheSecretStorageKey: (_id, _info, key) => (keys.recovery = key),
    },
  });
  await client.initRustCrypto({ useIndexedDB: false });
  await client.startClient({ initialSyncLimit: 20 });
  await until('the first sync', () => client.isInitialSyncComplete());
  const one = { name, password, keys, client, id: session.user_id, device: session.device_id };
  people.push(one);
  return one;
}

const timeline = (one, room) => one.client.getRoom(room)?.getLiveTimeline().getEvents() ?? [];
const hears = (one, room, body) => until(`“${body}” at ${one.id}`, () => timeline(one, room).find((event) => event.getContent().body === body));

async function roomOf(host, guest, more = {}) {
  const { room_id: room } = await host.client.createRoom({ preset: 'private_chat', invite: [guest.id], ...more });
  await until('the invitation', () => guest.client.getRoom(room)?.getMyMembership() === 'invite');
  await guest.client.joinRoom(room);
  for (const one of [host, guest]) await until('both members', () => one.client.getRoom(room)?.getJoinedMemberCount() === 2);
  return room;
}

const encrypted = { initial_state: [{ type: 'm.room.encryption', state_key: '', content: { algorithm: 'm.megolm.v1.aes-sha2' } }] };

const cases = {
  async 'sync and chat'(a, b) {
    const room = await roomOf(a, b, { name: 'Tea', topic: 'at five' });
    assert.equal(b.client.getRoom(room).name, 'Tea');
    for (const [one, other] of [[a, b], [b, a]]) {
      await one.client.sendTextMessage(room, `from ${one.id}`);
      await hears(other, room, `from ${one.id}`);
    }
    await a.client.sendTyping(room, true, 20_000);
    await until('typing', () => b.client.getRoom(room).getMember(a.id).typing);
  },
  async 'reply, reaction, edit, redaction, receipt'(a, b) {
    const room = await roomOf(a, b);
    const { event_id: first } = await a.client.sendTextMessage(room, 'one');
    const heard = await hears(b, room, 'one');
    await b.client.sendEvent(room, 'm.reaction', { 'm.relates_to': { rel_type: 'm.annotation', event_id: first, key: '👍' } });
    await b.client.sendMessage(room, { msgtype: 'm.text', body: 'answer', 'm.relates_to': { 'm.in_reply_to': { event_id: first } } });
    await hears(a, room, 'answer');
    const reactions = await a.client.relations(room, first, 'm.annotation', 'm.reaction');
    assert.deepEqual(reactions.events.map((event) => event.getRelation().key), ['👍']);
    await a.client.sendMessage(room, { msgtype: 'm.text', body: '* two', 'm.new_content': { msgtype: 'm.text', body: 'two' }, 'm.relates_to': { rel_type: 'm.replace', event_id: first } });
    await until('the edit', () => heard.replacingEvent()?.getContent()['m.new_content']?.body === 'two' || heard.getContent().body === 'two');
    const { event_id: last } = await a.client.sendTextMessage(room, 'read me');
    await b.client.sendReadReceipt(await hears(b, room, 'read me'));
    await until('the receipt', () => a.client.getRoom(room).getEventReadUpTo(b.id) === last);
    const { event_id: gone } = await a.client.sendTextMessage(room, 'take this back');
    const mistake = await hears(b, room, 'take this back');
    await a.client.redactEvent(room, gone);
    await until('the redaction', () => mistake.isRedacted());
  },
  async 'history in pages'(a, b) {
    const room = await roomOf(a, b);
    for (let n = 0; n < 45; n += 1) await a.client.sendTextMessage(room, `line ${n}`);
    await hears(b, room, 'line 44');
    const { chunk, end } = await b.client.createMessagesRequest(room, null, 30, 'b');
    const rest = await b.client.createMessagesRequest(room, end, 30, 'b');
    const said = [...chunk, ...rest.chunk].filter((event) => event.type === 'm.room.message').map((event) => event.content.body);
    assert.deepEqual(said.slice(0, 45), Array.from({ length: 45 }, (_, n) => `line ${44 - n}`));
  },
  async 'a thread'(a, b) {
    const room = await roomOf(a, b);
    const { event_id: root } = await a.client.sendTextMessage(room, 'the root');
    for (const words of ['first', 'second']) {
      await b.client.sendMessage(room, { msgtype: 'm.text', body: words, 'm.relates_to': { rel_type: 'm.thread', event_id: root } });
    }
    const bundle = (await a.client.fetchRoomEvent(room, root)).unsigned['m.relations']['m.thread'];
    assert.deepEqual([bundle.count, bundle.latest_event.content.body, bundle.current_user_participated], [2, 'second', true]);
    const { chunk } = await a.client.createThreadListMessagesRequest(room, null, 10, 'b');
    assert.deepEqual(chunk.map((event) => event.event_id), [root]);
  },
  async 'search'(a, b) {
    const room = await roomOf(a, b);
    await a.client.sendTextMessage(room, 'a rare persimmon');
    await hears(b, room, 'a rare persimmon');
    const found = await b.client.searchRoomEvents({ term: 'persimmon' });
    assert.deepEqual(found.results.map((result) => result.context.getEvent().getContent().body), ['a rare persimmon']);
  },
  async 'media'(a, b) {
    const words = new TextEncoder().encode('some bytes '.repeat(100));
    const { content_uri: mxc } = await a.client.uploadContent(words, { name: 'a.txt', type: 'text/plain' });
    const answer = await fetch(b.client.mxcUrlToHttp(mxc, undefined, undefined, undefined, false, true, true), { headers: { Authorization: `Bearer ${b.client.getAccessToken()}` } });
    assert.equal(answer.status, 200);
    assert.deepEqual(new Uint8Array(await answer.arrayBuffer()), words);
    assert.match(answer.headers.get('content-disposition'), /a\.txt/);
  },
  async 'push rules, tags and account data'(a, b) {
    const room = await roomOf(a, b);
    await a.client.setRoomTag(room, 'm.favourite', { order: 0.25 });
    await until('the tag', () => a.client.getRoom(room).tags['m.favourite']?.order === 0.25);
    await a.client.setAccountData('test.colour', { colour: 'red' });
    await until('the account data', () => a.client.getAccountData('test.colour')?.getContent().colour === 'red');
    await a.client.addPushRule('global', 'content', 'kettle', { pattern: 'kettle', actions: ['notify', { set_tweak: 'highlight' }] });
    await b.client.sendTextMessage(room, 'put the kettle on');
    await until('the highlight', () => a.client.getRoom(room).getUnreadNotificationCount('highlight') === 1);
    await a.client.deletePushRule('global', 'content', 'kettle');
  },
  async 'encrypted both ways'(a, b) {
    const room = await roomOf(a, b, encrypted);
    for (const [one, other] of [[a, b], [b, a]]) {
      const { event_id: id } = await one.client.sendTextMessage(room, `a secret of ${one.id}`);
      await hears(other, room, `a secret of ${one.id}`);
      assert.equal((await other.client.fetchRoomEvent(room, id)).type, 'm.room.encrypted');
    }
  },
  async 'cross-signing, secret storage, backup and its restoring'(a, b) {
    const room = await roomOf(a, b, encrypted);
    const crypto = a.client.getCrypto();
    const auth = (request) => request({ type: 'm.login.password', identifier: { type: 'm.id.user', user: a.id }, password: a.password });
    await crypto.bootstrapCrossSigning({ authUploadDeviceSigningKeys: async (request) => request(null).catch((error) => auth((dict) => request({ ...dict, session: error.data.session }))) });
    await crypto.bootstrapSecretStorage({ setupNewKeyBackup: true, createSecretStorageKey: () => crypto.createRecoveryKeyFromPassphrase() });
    assert.ok(await crypto.isCrossSigningReady());
    await a.client.sendTextMessage(room, 'for the backup');
    await hears(b, room, 'for the backup');
    const version = () => a.client.http.authedRequest('GET', '/room_keys/version', undefined, undefined, { prefix: '/_matrix/client/v3' });
    await until('the key in the backup', async () => (await version()).count > 0);
    const second = await person(a.name, a.password);
    second.keys.recovery = a.keys.recovery;
    const fresh = second.client.getCrypto();
    await fresh.loadSessionBackupPrivateKeyFromSecretStorage();
    const restored = await fresh.restoreKeyBackup();
    assert.ok(restored.imported > 0 && restored.imported === restored.total, JSON.stringify(restored));
    await until('the old message on the new device', () => timeline(second, room).some((event) => event.getContent().body === 'for the backup'));
  },
  async 'verified by emoji'(a, b) {
    const room = await roomOf(a, b, encrypted);
    await a.client.sendTextMessage(room, 'compare?');
    await hears(b, room, 'compare?');
    const asked = new Promise((resolve) => b.client.once(CryptoEvent.VerificationRequestReceived, resolve));
    for (const one of [b]) {
      const auth = { type: 'm.login.password', identifier: { type: 'm.id.user', user: one.id }, password: one.password };
      await one.client.getCrypto().bootstrapCrossSigning({ authUploadDeviceSigningKeys: async (request) => request(null).catch((error) => request({ ...auth, session: error.data.session })) });
    }
    await until('the other’s cross-signing keys', () => a.client.getCrypto().userHasCrossSigningKeys(b.id, true));
    const request = await a.client.getCrypto().requestVerificationDM(b.id, room);
    const incoming = await asked;
    await incoming.accept();
    await until('ready', () => request.phase === VerificationPhase.Ready);
    const verifier = await request.startVerification('m.sas.v1');
    const theirs = await until('their verifier', () => incoming.verifier);
    const seen = [verifier, theirs].map((one) => new Promise((resolve) => one.once(VerifierEvent.ShowSas, resolve)));
    const done = Promise.all([verifier.verify(), theirs.verify()]);
    const [mine, yours] = await Promise.all(seen);
    assert.deepEqual(mine.sas.emoji, yours.sas.emoji);
    await Promise.all([mine.confirm(), yours.confirm()]);
    await done;
    await until('a verified user', async () => (await a.client.getCrypto().getUserVerificationStatus(b.id)).isCrossSigningVerified());
  },
};

let passed = 0;
let failed = 0;
const [a, b] = [await person(nameA, passwordA), await person(nameB, passwordB)];
const wanted = process.argv.slice(7);
for (const [name, run] of Object.entries(cases)) {
  if (wanted.length > 0 && !wanted.some((word) => name.includes(word))) continue;
  const began = Date.now();
  try {
    await run(a, b);
    passed += 1;
    say(`ok      ${((Date.now() - began) / 1000).toFixed(1).padStart(6)} s  ${name}`);
  } catch (error) {
    failed += 1;
    say(`FAILED  ${((Date.now() - began) / 1000).toFixed(1).padStart(6)} s  ${name}\n${error.stack}`);
  }
}
for (const one of people) one.client.stopClient();
say(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
