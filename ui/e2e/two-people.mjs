/** Two people meet: the same UI in two browsers over two real cores.
 *
 *   npm run e2e:two-people -- URL_A URL_B [--out DIR] [--text-only] [--names ALICE,BOB]
 *
 * First run in both, the link of one pasted in the other, accept, a message each way, a reply, a reaction, an edit, a picture and a
 * removal, reload, and axe on the way. Exits 1 and says what failed. `--text-only` leaves pictures out;
 * other names are for a server on which these two are taken.
 */
import { mkdir } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { listen, openBrowser, violations } from './browser.mjs';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: { out: { type: 'string', default: '/tmp/hearth-two-people' }, 'text-only': { type: 'boolean' }, names: { type: 'string', default: 'Alice,Bob' } },
});
const [urlA, urlB] = positionals;
if (!urlA || !urlB) {
  console.error('usage: npm run e2e:two-people -- URL_A URL_B [--out DIR] [--text-only] [--names ALICE,BOB]');
  process.exit(2);
}
const [nameA = 'Alice', nameB = 'Bob'] = options.names.split(',');
const LONG = 60_000;
const errors = [];
let step = 'start';
let shots = 0;
await mkdir(options.out, { recursive: true });
const browser = await openBrowser();

async function person(name, url, colorScheme) {
  const context = await browser.newContext({ viewport: { width: 1180, height: 760 }, colorScheme, permissions: ['clipboard-read', 'clipboard-write'] });
  const page = await context.newPage();
  page.setDefaultTimeout(LONG);
  listen(page, name, errors);
  const named = (role, label) => page.getByRole(role, { name: label, exact: true });
  return {
    name,
    url,
    page,
    button: (label) => named('button', label),
    textbox: (label) => named('textbox', label),
    message: (text) => page.getByRole('log', { name: 'Messages' }).getByRole('article').filter({ hasText: text }),
    async look(what) {
      shots += 1;
      await page.screenshot({ path: `${options.out}/${String(shots).padStart(2, '0')}-${what}-${name.toLowerCase()}.png` });
      for (const line of await violations(page)) errors.push(`${name}, ${what}: ${line}`);
    },
    async send(text) {
      await named('textbox', 'Message').fill(text);
      await named('button', 'Send').click();
    },
  };
}

async function firstRun(who) {
  await who.page.goto(who.url);
  await who.textbox('Your name').fill(who.name);
  await who.look('first-run');
  await who.button('Create').click();
  await who.page.getByRole('heading', { name: 'Save your recovery kit' }).waitFor();
  await who.look('recovery-kit');
  await who.button('Later').click();
  const link = who.textbox('Your invite link');
  await link.waitFor();
  await who.page.waitForFunction(() => /^(hearth|matrix):/.test(document.querySelector('input[readonly]')?.value ?? ''));
  await who.look('invite');
  return link.inputValue();
}

const steps = {
  async 'first run of both'(a, b) {
    const [, link] = await Promise.all([firstRun(a), firstRun(b)]);
    a.theirLink = link;
  },
  async 'one pastes the other’s link'(a) {
    await a.textbox('Paste an invite link').fill(a.theirLink);
    await a.button('Start chat').click();
    await a.textbox('Message').waitFor();
    await a.look('started');
  },
  async 'the other accepts'(a, b) {
    await b.button('Later').click();
    const invitation = b.page.getByRole('navigation', { name: 'Conversations' }).getByRole('link').first();
    await invitation.click();
    await b.button('Accept').waitFor();
    await b.look('invitation');
    await b.button('Accept').click();
    await b.textbox('Message').waitFor();
  },
  async 'a message each way'(a, b) {
    await a.send('Hello Bob, is the kiln free?');
    await b.message('Hello Bob, is the kiln free?').waitFor();
    await b.send('It is, from four.');
    await a.message('It is, from four.').waitFor();
    await a.look('talk');
    await b.look('talk');
  },
  async 'reply, reaction, edit'(a, b) {
    await a.message('It is, from four.').hover();
    await a.button('Reply').click();
    await a.send('Then I come at four');
    const reply = b.message('Then I come at four');
    await reply.waitFor();
    await reply.getByRole('button', { name: /Go to the message of/ }).waitFor();
    await reply.hover();
    await b.button('React').click();
    await b.page.locator('emoji-picker').getByRole('menuitem', { name: /thumbs up/ }).first().click();
    await a.message('Then I come at four').getByRole('button', { name: /^👍/ }).waitFor();
    await a.textbox('Message').press('ArrowUp');
    await a.page.getByText('Edit message').waitFor();
    await a.textbox('Message').fill('Then I come at five');
    await a.textbox('Message').press('Enter');
    await b.message('Then I come at five').waitFor();
    await b.look('reacted');
  },
  async 'a picture, shown and removed'(a, b) {
    if (options['text-only']) return;
    await a.page.locator('input[type=file]').last().setInputFiles({ name: 'square.png', mimeType: 'image/png', buffer: await a.page.screenshot({ clip: { x: 0, y: 0, width: 288, height: 240 } }) });
    await a.button('Send').click();
    const picture = b.page.getByRole('button', { name: 'Open picture square.png' });
    await picture.waitFor();
    await picture.locator('img').evaluate((img) => new Promise((ok, fail) => (img.complete && img.naturalWidth ? ok() : ((img.onload = ok), (img.onerror = fail)))));
    await b.look('picture');
    const own = a.page.getByRole('article').filter({ has: a.page.getByRole('button', { name: 'Open picture square.png' }) });
    await own.hover();
    await own.getByRole('button', { name: 'More' }).click();
    await a.page.getByRole('menuitem', { name: 'Remove…' }).click();
    await a.page.getByRole('dialog').getByRole('button', { name: 'Remove', exact: true }).click();
    await b.page.getByText('Message removed').waitFor();
  },
  async 'reload keeps everything'(a, b) {
    for (const who of [a, b]) {
      await who.page.reload();
      await who.message('Hello Bob, is the kiln free?').waitFor();
      await who.message('Then I come at five').waitFor();
    }
    await b.send('And I bring tea.');
    await a.message('And I bring tea.').waitFor();
    await a.look('after-reload');
    await b.look('after-reload');
  },
  async 'people and settings'(a, b) {
    await a.button('People').click();
    await a.page.getByRole('complementary', { name: 'Details' }).getByText(nameB).first().waitFor();
    await a.look('people');
    await b.button('Settings').click();
    await b.textbox('Your invite link').waitFor();
    await b.look('settings');
  },
};

let failed = false;
let a;
let b;
try {
  a = await person(nameA, urlA, 'light');
  b = await person(nameB, urlB, 'dark');
  for (const [name, run] of Object.entries(steps)) {
    step = name;
    const began = Date.now();
    await run(a, b);
    console.log(`ok   ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
  }
} catch (error) {
  failed = true;
  console.log(`FAIL ${step}\n     ${error.message.split('\n').join('\n     ')}`);
  for (const who of [a, b]) await who?.page.screenshot({ path: `${options.out}/failed-${who.name.toLowerCase()}.png` }).catch(() => {});
} finally {
  await browser.close();
}
for (const error of errors) console.log(`FAIL ${error}`);
console.log(`pictures in ${options.out}`);
process.exit(failed || errors.length > 0 ? 1 : 0);
