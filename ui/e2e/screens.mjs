/** Every screen over the fake core, light and dark: a picture into a folder, and axe with no violation.
 *
 *   npm run e2e:screens -- [--out DIR] [--only NAME] [--theme light|dark] [--no-build]
 */
import { mkdir } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { build, preview } from 'vite';
import { listen, openBrowser, violations } from './browser.mjs';

const { values: options } = parseArgs({
  options: { out: { type: 'string', default: '/tmp/hearth-screens' }, only: { type: 'string' }, theme: { type: 'string' }, 'no-build': { type: 'boolean' } },
});
const NOW = new Date('2026-11-22T09:45:00');
const room = (id) => `#/room/${encodeURIComponent(`!${id}:x`)}`;
const byName = (page, role, name) => page.getByRole(role, { name, exact: true });

/** So many pictures of a call are on their canvases. */
const drawn = (count) => (page) => page.waitForFunction((wanted) => document.querySelectorAll('canvas[data-drawn]').length === wanted, count);

/** Opens the scan of a new conversation. */
async function scanning(page) {
  await byName(page, 'button', 'New conversation').click();
  await byName(page, 'button', 'Scan with the camera').click();
  await page.getByRole('dialog', { name: 'Scan an invite' }).waitFor();
}

/** name, scene, fragment, and what is done before the picture. */
const screens = [
  { name: '01-first-run', scene: 'first-run', act: (page) => byName(page, 'textbox', 'Your name').fill('Jonas') },
  { name: '02-first-run-passphrase', scene: 'first-run-no-keyring' },
  { name: '03-existing-account', scene: 'first-run', act: (page) => byName(page, 'button', 'Use an existing account').click() },
  { name: '04-domain', scene: 'first-run', act: (page) => byName(page, 'button', 'I have a domain').click() },
  { name: '05-restore', scene: 'first-run', act: (page) => byName(page, 'button', 'Restore from a backup').click() },
  { name: '06-setting-up', scene: 'creating' },
  { name: '07-recovery-kit', scene: 'recovery-kit' },
  {
    name: '08-invite-someone',
    scene: 'first-run',
    async act(page) {
      await byName(page, 'textbox', 'Your name').fill('Jonas');
      await byName(page, 'button', 'Create').click();
      await byName(page, 'button', 'Later').click();
      await page.getByRole('img', { name: 'QR code of your invite link' }).waitFor();
    },
  },
  { name: '09-empty', scene: 'empty' },
  { name: '10-choose', scene: 'conversation' },
  { name: '11-conversation', scene: 'conversation', at: room('mira'), ready: (page) => page.getByText('and the good coffee').last().waitFor() },
  {
    name: '12-conversation-hover',
    scene: 'conversation',
    at: room('mira'),
    act: (page) => page.getByText('the seat numbers are').hover(),
  },
  {
    name: '13-details',
    scene: 'conversation',
    at: room('mira'),
    act: (page) => byName(page, 'button', 'People').click(),
  },
  { name: '14-room-details', scene: 'conversation', at: room('shop'), act: (page) => byName(page, 'button', 'People').click() },
  { name: '15-many-kinds', scene: 'conversation', at: room('house') },
  { name: '16-many-kinds-top', scrolled: true, scene: 'conversation', at: room('house'), act: (page) => page.getByRole('log').hover().then(() => page.mouse.wheel(0, -5000)).then(() => page.waitForTimeout(300)) },
  {
    name: '17-reply',
    scene: 'conversation',
    at: room('shop'),
    async act(page) {
      await page.getByText('Glaze delivery').hover();
      await byName(page, 'button', 'Reply').click();
      await byName(page, 'textbox', 'Message').fill('Ten is fine for me.\nI bring the trolley.');
    },
  },
  {
    name: '18-edit',
    scene: 'conversation',
    at: room('shop'),
    act: (page) => byName(page, 'textbox', 'Message').press('ArrowUp'),
  },
  {
    name: '19-emoji',
    scene: 'conversation',
    at: room('mira'),
    async act(page) {
      await byName(page, 'button', 'Emoji').click();
      await page.locator('emoji-picker').getByRole('menuitem', { name: /grinning face/ }).first().waitFor();
    },
  },
  {
    name: '20-message-menu',
    scene: 'conversation',
    at: room('shop'),
    async act(page) {
      await page.getByText('and I will bring the spare key').hover();
      await byName(page, 'button', 'More').click();
      await page.getByRole('menuitem', { name: 'Remove…' }).waitFor();
    },
  },
  {
    name: '21-remove',
    scene: 'conversation',
    at: room('shop'),
    async act(page) {
      await page.getByText('and I will bring the spare key').hover();
      await byName(page, 'button', 'More').click();
      await page.getByRole('menuitem', { name: 'Remove…' }).click();
      await page.getByRole('dialog').waitFor();
    },
  },
  {
    name: '22-mention',
    scene: 'conversation',
    at: room('shop'),
    async act(page) {
      await byName(page, 'textbox', 'Message').pressSequentially('thanks @');
      await page.getByRole('listbox').waitFor();
    },
  },
  {
    name: '23-files',
    scene: 'conversation',
    at: room('mira'),
    async act(page) {
      await page.locator('input[type=file]').last().setInputFiles([
        { name: 'path-round-the-lake.gpx', mimeType: 'application/gpx+xml', buffer: Buffer.alloc(48_000) },
        { name: 'the-view-from-the-tower-with-a-very-long-name.svg', mimeType: 'image/svg+xml', buffer: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><rect width="9" height="9" fill="teal"/></svg>') },
      ]);
      await byName(page, 'textbox', 'Message').fill('Both of them');
    },
  },
  { name: '24-picture', scene: 'conversation', at: room('mira'), act: (page) => page.getByRole('button', { name: 'Open picture lake.jpg' }).click() },
  { name: '25-invitation-direct', scene: 'invitations', at: room('invite') },
  { name: '26-invitation-room', scene: 'invitations', at: room('garden') },
  { name: '27-offline', scene: 'offline', at: room('ansel') },
  { name: '28-failed', scene: 'failing', at: room('nadja'), async act(page) {
    await byName(page, 'textbox', 'Message').fill('Shall I bring the tent?');
    await byName(page, 'button', 'Send').click();
    await page.getByText('Not sent.').waitFor();
  } },
  { name: '29-loading', scene: 'stalled', at: room('mira'), act: (page) => page.waitForTimeout(500) },
  { name: '30-long-names', scene: 'long-names', at: room('long'), act: (page) => byName(page, 'button', 'People').click() },
  {
    name: '31-new-direct',
    scene: 'conversation',
    async act(page) {
      await byName(page, 'button', 'New conversation').click();
      await page.getByText('People you know').waitFor();
    },
  },
  {
    name: '32-new-room',
    scene: 'conversation',
    async act(page) {
      await byName(page, 'button', 'New conversation').click();
      await page.getByRole('tab', { name: 'A room' }).click();
      await page.getByRole('textbox', { name: 'People to invite' }).fill('an');
      await page.getByRole('button', { name: 'Anselm Okafor' }).click();
    },
  },
  {
    name: '33-search',
    scene: 'conversation',
    at: room('mira'),
    async act(page) {
      await byName(page, 'searchbox', 'Search').fill('tom');
      await page.getByText('People you know').waitFor();
    },
  },
  { name: '34-settings-profile', scene: 'conversation', at: '#/settings/profile', ready: (page) => page.getByRole('img', { name: 'QR code of your invite link' }).waitFor() },
  { name: '35-settings-notifications', scene: 'conversation', at: '#/settings/notifications' },
  { name: '36-settings-privacy', scene: 'conversation', at: '#/settings/privacy' },
  { name: '37-settings-appearance', scene: 'conversation', at: '#/settings/appearance' },
  { name: '38-settings-recovery', scene: 'empty', at: '#/settings/recovery' },
  { name: '39-keyring-locked', scene: 'keyring-locked' },
  { name: '40-keyring-waiting', scene: 'keyring-waiting' },
  { name: '41-passphrase', scene: 'passphrase' },
  { name: '42-data-folder-in-use', scene: 'in-use' },
  { name: '43-disk-full', scene: 'disk-full' },
  { name: '44-jump', scrolled: true, scene: 'conversation', at: room('house'), act: (page) => page.getByRole('log').hover().then(() => page.mouse.wheel(0, -900)).then(() => page.waitForTimeout(300)) },
  { name: '46-high-contrast', scene: 'conversation', at: room('house'), media: { contrast: 'more' } },
  { name: '47-forced-colours', scene: 'conversation', at: room('shop'), media: { forcedColors: 'active' } },
  { name: '48-smallest-window', scene: 'conversation', at: room('shop'), size: { width: 880, height: 560 }, act: (page) => byName(page, 'button', 'People').click() },
  { name: '49-smallest-window-first-run', scene: 'first-run-no-keyring', size: { width: 880, height: 560 }, act: (page) => byName(page, 'button', 'Use an existing account').click() },
  { name: '50-large-text', scene: 'conversation', at: room('mira'), textSize: 150 },
  { name: '51-large-text-settings', scene: 'conversation', at: '#/settings/profile', textSize: 150 },
  { name: '52-incoming-call', scene: 'incoming-call', at: room('mira') },
  { name: '53-call', scene: 'call', at: room('mira') },
  { name: '53-call-video', scene: 'video-call', at: room('mira'), ready: drawn(2) },
  { name: '53-call-screen', scene: 'shared-screen', at: room('mira'), ready: drawn(3) },
  {
    name: '53-call-cameras',
    scene: 'video-call',
    at: room('mira'),
    ready: drawn(2),
    act: (page) => byName(page, 'button', 'Which camera').click(),
  },
  { name: '53-call-no-camera', scene: 'no-camera', at: room('mira') },
  { name: '52-incoming-video-call', scene: 'incoming-video-call', at: room('mira') },
  { name: '54-calling', scene: 'calling', at: room('mira') },
  { name: '55-call-ended', scene: 'call-ended', at: room('mira') },
  { name: '56-call-bar', scene: 'call', at: room('shop') },
  { name: '57-call-smallest-window', scene: 'call-ended', at: room('mira'), size: { width: 880, height: 560 }, textSize: 150 },
  { name: '58-settings-sound', scene: 'conversation', at: '#/settings/sound', ready: (page) => page.getByRole('meter').waitFor() },
  { name: '59-settings-sound-large-text', scene: 'conversation', at: '#/settings/sound', textSize: 150, size: { width: 880, height: 560 }, ready: (page) => page.getByRole('meter').waitFor() },
  {
    name: '60-call-devices',
    scene: 'call',
    at: room('mira'),
    async act(page) {
      await byName(page, 'button', 'Microphone and speaker').click();
      await page.getByRole('menuitemradio', { name: 'Built-in speakers' }).click();
      await page.getByRole('menu').waitFor({ state: 'detached' });
      await byName(page, 'button', 'Microphone and speaker').click();
      await page.getByRole('menuitemradio', { name: 'Built-in speakers', checked: true }).waitFor();
    },
  },
  { name: '61-calls-in-the-timeline', scene: 'conversation', at: room('nadja') },
  {
    name: '62-recording',
    scene: 'conversation',
    at: room('mira'),
    async act(page) {
      await byName(page, 'button', 'Record a voice message').click();
      await page.getByText('0:04').waitFor();
    },
  },
  { name: '63-people-arriving', scene: 'arriving', at: room('crowd'), act: (page) => byName(page, 'button', 'People').click() },
  {
    name: '64-call-network',
    scene: 'conversation',
    at: '#/settings/sound',
    async act(page) {
      await byName(page, 'button', 'Check the network').click();
      await page.getByText('People behind strict networks').waitFor();
    },
  },
  { name: '65-call-in-the-corner', scene: 'call', at: '#/settings/profile' },
  { name: '66-call-in-the-corner-of-home', scene: 'call', textSize: 150, size: { width: 880, height: 560 } },
  { name: '67-scan', scene: 'scan', act: scanning },
  { name: '67-scan-no-invite', scene: 'scan-no-invite', act: scanning },
  { name: '67-scan-starting', scene: 'conversation', act: (page) => scanning(page).then(() => page.waitForTimeout(500)) },
  { name: '67-scan-busy', scene: 'scan-busy', act: scanning },
  { name: '67-scan-vanished', scene: 'scan-vanished', act: scanning },
  { name: '67-scan-not-allowed', scene: 'scan-not-allowed', act: scanning },
  { name: '67-scan-no-camera', scene: 'scan-no-camera', act: scanning },
  { name: '67-scan-smallest-window', scene: 'scan-no-invite', textSize: 150, size: { width: 880, height: 560 }, act: scanning },
  { name: '67-scan-failed-smallest-window', scene: 'scan-not-allowed', textSize: 150, size: { width: 880, height: 560 }, act: scanning },
  { name: '67-scan-forced-colours', scene: 'scan-no-invite', media: { forcedColors: 'active' }, act: scanning },
  {
    name: '68-without-camera',
    scene: 'without-camera',
    async act(page) {
      await byName(page, 'button', 'New conversation').click();
      await page.getByText('People you know').waitFor();
      if (await page.getByRole('button', { name: 'Scan with the camera' }).count()) throw new Error('there is no camera to scan with');
    },
  },
  { name: '45-opening', scene: 'opening', act: (page) => page.waitForTimeout(1300) },
];

if (!options['no-build']) await build({ mode: 'fake', logLevel: 'error' });
const server = await preview({ mode: 'fake', logLevel: 'error', build: { outDir: 'dist-fake' }, preview: { host: '127.0.0.1', port: 0 } });
const base = server.resolvedUrls.local[0];
await mkdir(options.out, { recursive: true });
const browser = await openBrowser();
let failed = 0;
let passed = 0;
try {
  for (const theme of ['light', 'dark'].filter((one) => !options.theme || one === options.theme)) {
    const context = await browser.newContext({ viewport: { width: 1180, height: 760 }, colorScheme: theme, reducedMotion: 'reduce', timezoneId: 'UTC' });
    for (const screen of screens.filter((one) => !options.only || one.name.includes(options.only))) {
      const errors = [];
      const page = await context.newPage();
      page.setDefaultTimeout(8000);
      listen(page, screen.name, errors);
      try {
        await page.clock.setFixedTime(NOW);
        if (screen.size) await page.setViewportSize(screen.size);
        if (screen.media) await page.emulateMedia(screen.media);
        await page.goto(`${base}?scene=${screen.scene}${screen.textSize ? `&text=${screen.textSize}` : ''}${screen.at ?? '#/'}`);
        await page.locator('h1, [role=img]').first().waitFor();
        if (screen.at?.startsWith('#/room')) await page.waitForTimeout(250);
        await screen.ready?.(page);
        await screen.act?.(page);
        await page.waitForTimeout(150);
        if (!screen.scrolled) {
          const below = await page.evaluate(() => [...document.querySelectorAll('[role=log]')].map((log) => log.scrollHeight - log.scrollTop - log.clientHeight));
          if (below.some((pixels) => pixels > 2)) errors.push(`the conversation is ${below} pixels above its end`);
        }
        await page.screenshot({ path: `${options.out}/${screen.name}-${theme}.png` });
        errors.push(...(await violations(page)));
      } catch (error) {
        await page.screenshot({ path: `${options.out}/${screen.name}-${theme}-failed.png` }).catch(() => {});
        errors.push(error.message);
      }
      await page.close();
      if (errors.length > 0) {
        failed += 1;
        console.log(`FAIL ${screen.name} ${theme}`);
        for (const error of errors) console.log(`    ${error}`);
      } else passed += 1;
    }
    await context.close();
  }
} finally {
  await browser.close();
  await server.close();
}
console.log(`${passed} passed, ${failed} failed; pictures in ${options.out}`);
process.exit(failed === 0 ? 0 : 1);
