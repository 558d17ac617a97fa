/** Rules about the source itself: colours, arrows between folders, messages, the lock file. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import english from '~/i18n/messages/en.json';
import { m } from '~/i18n/paraglide/messages.js';

const ui = process.cwd();
const src = join(ui, 'src');
const files = readdirSync(src, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && /\.(ts|svelte|css)$/.test(entry.name))
  .map((entry) => relative(src, join(entry.parentPath, entry.name)))
  .filter((path) => !path.startsWith('i18n/paraglide'))
  .map((path) => ({ path, text: readFileSync(join(src, path), 'utf8') }));

/** The files imported, relative to src. */
function imports({ path, text }: { path: string; text: string }): string[] {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map(([, what = '']) => {
    if (what.startsWith('~/')) return what.slice(2);
    return what.startsWith('.') ? relative(src, join(src, path, '..', what)) : what;
  });
}

const wrong = (rule: (file: { path: string; text: string }, imported: string) => boolean) =>
  files.filter(({ path }) => !path.includes('.test.')).flatMap((file) => imports(file).filter((imported) => rule(file, imported)).map((imported) => `${file.path} imports ${imported}`));

describe('arrows', () => {
  it('finds files and imports at all', () => {
    expect(files.length).toBeGreaterThan(100);
    expect(files.flatMap(imports)).toContain('backend/context');
  });

  it('features do not import each other', () => {
    const feature = (path: string) => /^features\/([^/]+)/.exec(path)?.[1];
    expect(wrong(({ path }, imported) => feature(path) !== undefined && feature(imported) !== undefined && feature(path) !== feature(imported))).toEqual([]);
  });

  it('features do not import the app', () => {
    expect(wrong(({ path }, imported) => path.startsWith('features/') && imported.startsWith('app/'))).toEqual([]);
  });

  it('kit imports nothing above it, nor the backend', () => {
    expect(wrong(({ path }, imported) => path.startsWith('kit/') && /^(app|features|backend)\//.test(imported))).toEqual([]);
  });

  it('the backend imports no screen', () => {
    expect(wrong(({ path }, imported) => path.startsWith('backend/') && /^(app|features)\//.test(imported))).toEqual([]);
  });

  it('only the backend knows Tauri', () => {
    expect(wrong(({ path }, imported) => imported.startsWith('@tauri-apps') && !path.startsWith('backend/'))).toEqual([]);
  });

  it('nobody draws markup', () => {
    expect(files.filter(({ path, text }) => path.endsWith('.svelte') && text.includes('{@html')).map(({ path }) => path)).toEqual([]);
  });
});

describe('style', () => {
  it('names raw colours in tokens.css alone', () => {
    const colour = /#[0-9a-f]{3,8}\b(?![^<]*\{)|\b(?:rgba?|hsla?|oklch|lab|lch)\(|:\s*(?:white|black|red|green|blue|gray|grey|orange|yellow)\b/i;
    const found = files
      .filter(({ path }) => /\.(css|svelte)$/.test(path) && path !== 'styles/tokens.css')
      .flatMap(({ path, text }) => {
        const css = path.endsWith('.css') ? text : (/<style>([\s\S]*)<\/style>/.exec(text)?.[1] ?? '');
        return css.split('\n').filter((line) => colour.test(line)).map((line) => `${path}: ${line.trim()}`);
      });
    expect(found).toEqual([]);
  });

  it('uses only tokens that exist', () => {
    const tokens = new Set([...(files.find(({ path }) => path === 'styles/tokens.css')?.text ?? '').matchAll(/(--[a-z0-9-]+):/g)].map(([, name]) => name));
    const own = new Set(files.flatMap(({ text }) => [...text.matchAll(/(?:style:)?(--[a-z0-9-]+)(?:=|:)/g)].map(([, name]) => name)));
    const used = files.flatMap(({ path, text }) => [...text.matchAll(/var\((--[a-z][a-z0-9-]*)[,)]/g)].map(([, name]) => ({ path, name })));
    expect(used.length).toBeGreaterThan(200);
    expect(used.filter(({ name }) => !tokens.has(name) && !own.has(name))).toEqual([]);
  });

  it('begins every file with a sentence that says what it is', () => {
    const bad = files.filter(({ path, text }) => !path.includes('bindings/') && !/^(\/\*\*? |<!-- )/.test(text)).map(({ path }) => path);
    expect(bad).toEqual([]);
  });

  it('keeps files small', () => {
    const long = files.filter(({ path, text }) => !path.includes('fake/') && !path.includes('.test.') && text.split('\n').length > 340).map(({ path }) => path);
    expect(long).toEqual([]);
  });
});

describe('messages', () => {
  const names = Object.keys(english).filter((name) => name !== '$schema');

  it('were compiled', () => {
    expect(names.length).toBeGreaterThan(100);
    expect(names.filter((name) => typeof (m as unknown as Record<string, unknown>)[name] !== 'function')).toEqual([]);
    expect(m.first_title()).toBe('Welcome to Hearth');
    expect(m.side_unread_many({ count: 3 })).toBe('3 unread messages');
  });

  it('are all used', () => {
    const text = files.map((file) => file.text).join('\n');
    expect(names.filter((name) => !text.includes(`m.${name}(`))).toEqual([]);
  });

  it('never say what no one should have to know', () => {
    expect(Object.values(english).filter((words) => /homeserver|federation|cross-signing/i.test(words))).toEqual([]);
  });
});

describe('package-lock.json', () => {
  it('names no other registry', () => {
    const lock = JSON.parse(readFileSync(join(ui, 'package-lock.json'), 'utf8')) as { packages: Record<string, { resolved?: string }> };
    const elsewhere = Object.values(lock.packages).filter((one) => one.resolved !== undefined && !one.resolved.startsWith('https://registry.npmjs.org/'));
    expect(elsewhere).toEqual([]);
  });

  it('goes with exact versions', () => {
    const { devDependencies } = JSON.parse(readFileSync(join(ui, 'package.json'), 'utf8')) as { devDependencies: Record<string, string> };
    expect(Object.entries(devDependencies).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });
});
