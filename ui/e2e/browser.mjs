/** Debian's Chromium, driven by playwright-core, and the one accessibility check that every screen passes. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const { AxeBuilder } = createRequire(import.meta.url)('@axe-core/playwright');

export async function openBrowser() {
  const path = process.env.CHROMIUM ?? ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((one) => existsSync(one));
  return chromium.launch({
    executablePath: path,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
}

/** Answers one line for each violation that axe finds on the page as it stands, once nothing moves in any more: what fades in has little contrast. */
export async function violations(page) {
  await page.evaluate(() => {
    const ending = document.getAnimations().filter((animation) => Number.isFinite(Number(animation.effect?.getComputedTiming().endTime)));
    return Promise.allSettled(ending.map((animation) => animation.finished)).then(() => undefined);
  });
  const { violations: found } = await new AxeBuilder({ page }).analyze();
  return found.flatMap((rule) => rule.nodes.map((node) => `${rule.id} (${rule.impact}): ${rule.help}\n      ${node.target.join(' ')}\n      ${(node.failureSummary ?? '').split('\n').slice(1).join(' ').trim()}`));
}

/** Collects what goes wrong in the page itself. */
export function listen(page, who, errors) {
  page.on('pageerror', (error) => errors.push(`${who}: ${error.message}`));
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) errors.push(`${who}: console: ${message.text()}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) errors.push(`${who}: ${response.status()} from ${response.url()}`);
  });
}
