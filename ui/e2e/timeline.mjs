/** The long timeline over the fake core: it opens at its end, never jumps while pages come in above or messages below, counts what is
 *  new, is driven by the keyboard, keeps its place, and scrolls without long frames.
 *
 *   npm run e2e:timeline -- [--no-build]
 */
import { parseArgs } from 'node:util';
import { build, preview } from 'vite';
import { listen, openBrowser } from './browser.mjs';

const { values: options } = parseArgs({ options: { 'no-build': { type: 'boolean' } } });
if (!options['no-build']) await build({ mode: 'fake', logLevel: 'error' });
const server = await preview({ mode: 'fake', logLevel: 'error', build: { outDir: 'dist-fake' }, preview: { host: '127.0.0.1', port: 0 } });
const browser = await openBrowser();
const errors = [];
const check = (right, what) => {
  console.log(`${right ? 'ok  ' : 'FAIL'} ${what}`);
  if (!right) errors.push(what);
};
try {
  const page = await (await browser.newContext({ viewport: { width: 1180, height: 760 } })).newPage();
  page.setDefaultTimeout(10_000);
  listen(page, 'timeline', errors);
  const log = page.getByRole('log');
  const below = () => log.evaluate((one) => Math.round(one.scrollHeight - one.scrollTop - one.clientHeight));
  /** Where the first message that is fully in sight stands. */
  const anchor = () =>
    log.evaluate((one) => {
      const top = one.getBoundingClientRect().top;
      const row = [...one.querySelectorAll('article')].map((article) => ({ text: article.innerText.split('\n').at(-1), y: article.getBoundingClientRect().top - top })).filter(({ y }) => y > 40).sort((a, b) => a.y - b.y)[0];
      return row ? `${row.text} @${Math.round(row.y)}` : null;
    });
  const still = async () => {
    let last;
    for (let same = 0; same < 4; ) {
      const now = `${await below()} ${await anchor()}`;
      same = now === last ? same + 1 : 0;
      last = now;
      await page.waitForTimeout(80);
    }
  };

  await page.goto(`${server.resolvedUrls.local[0]}?scene=long#/room/${encodeURIComponent('!long:x')}`);
  await page.getByText('2099:').waitFor();
  await still();
  check((await below()) <= 2, 'opens at its end');

  await log.hover();
  await page.mouse.wheel(0, -1500);
  await still();
  const before = await anchor();
  await page.evaluate(() => globalThis.hearthFake.receive('!long:x', 'a new one below'));
  await page.getByRole('button', { name: '1 new' }).waitFor();
  await still();
  check((await anchor()) === before, `stays where it was when a message comes in (${before}, ${await anchor()})`);

  let rows = 0;
  for (let tries = 0; tries < 40 && rows < 1500; tries += 1) {
    await page.mouse.wheel(0, -4000);
    await page.waitForTimeout(120);
    rows = await page.evaluate(() => globalThis.hearthFake.scene.rooms[0].rows.length);
  }
  check(rows >= 1500, `loads older pages while one scrolls up (${rows} rows)`);
  await still();
  const drawn = await log.getByRole('article').count();
  check(drawn < 80, `draws only what is near (${drawn} of ${rows})`);

  const frames = await page.evaluate(async () => {
    const one = document.querySelector('[role=log]');
    const times = [];
    let last = performance.now();
    for (let at = 0; at < 90; at += 1) {
      one.scrollTop += 180;
      await new Promise(requestAnimationFrame);
      const now = performance.now();
      times.push(now - last);
      last = now;
    }
    return times.sort((a, b) => a - b)[Math.floor(times.length * 0.95)];
  });
  console.log(`     p95 of a frame while scrolling: ${frames.toFixed(1)} ms`);

  const place = (await still(), await anchor());
  await page.getByRole('link', { name: 'Nadja' }).click();
  await page.getByRole('heading', { name: 'Nadja', level: 1 }).waitFor();
  await page.getByRole('link', { name: 'Leo', exact: true }).first().click();
  await page.getByRole('heading', { name: 'Leo', level: 1 }).waitFor();
  await still();
  check((await anchor()) === place, `comes back to its place in the room (${place}, ${await anchor()})`);

  await page.getByRole('button', { name: /new$|Latest messages/ }).click();
  await still();
  check((await below()) <= 2, 'the button leads to the end');
  await page.getByRole('textbox', { name: 'Message' }).fill('mine');
  await page.keyboard.press('Enter');
  await page.getByRole('article').getByText('mine', { exact: true }).waitFor();
  await still();
  check((await below()) <= 2, 'the end is kept when one writes');

  await page.getByRole('article').last().focus();
  await page.keyboard.press('ArrowUp');
  await page.waitForTimeout(200);
  check((await page.evaluate(() => document.activeElement?.textContent ?? '')).includes('a new one below'), 'the arrows move from message to message');
  await page.keyboard.press('Enter');
  await page.waitForTimeout(100);
  check((await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))) === 'React', 'Enter reaches the tools');
  await page.keyboard.press('Escape');
  await page.keyboard.press('Escape');
  await page.waitForTimeout(100);
  check((await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))) === 'Message', 'Escape leads back to the composer');
  await page.keyboard.press('Control+k');
  check((await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))) === 'Search', 'Ctrl+K leads to the search');
} catch (error) {
  errors.push(error.message);
} finally {
  await browser.close();
  await server.close();
}
for (const error of errors) console.log(`FAIL ${error}`);
process.exit(errors.length > 0 ? 1 : 0);
