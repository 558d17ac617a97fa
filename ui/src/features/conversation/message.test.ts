/** Messages as they are drawn. */
import { fireEvent, render, screen } from '@testing-library/svelte';
import { userEvent } from '@testing-library/user-event';
import { describe, expect, it, vi } from 'vitest';
import type { MessageRow } from '~/backend/bindings/MessageRow';
import { createBackend } from '~/backend/consumer';
import { message, person } from '~/backend/fake/make';
import { fakeTransport } from '~/backend/fake/transport';
import type { MessageActions } from './actions';
import MessageHarness from './MessageHarness.test.svelte';

const AT = new Date(2026, 10, 22, 9, 42).getTime();

function show(part: Partial<MessageRow> = {}) {
  const row = message(person('Mira'), AT, part.body ?? 'hello', part);
  const actions: MessageActions = { reply: vi.fn(), edit: vi.fn(), react: vi.fn(), remove: vi.fn(), retry: vi.fn(), discard: vi.fn(), show: vi.fn(), save: vi.fn(), goTo: vi.fn(), openLink: vi.fn() };
  const { rerender } = render(MessageHarness, { props: { backend: createBackend(fakeTransport('conversation', { pace: 0 })), actions, row } });
  return { row, actions, article: screen.getByRole('article'), rerender };
}

describe('a message', () => {
  it('is an article named by sender and time', () => {
    expect(show().article.getAttribute('aria-label')).toBe('Mira, 09:42');
  });

  it('draws formatted text as elements and never as markup', () => {
    const { article } = show({
      body: {
        type: 'text',
        plain: '<img src=x onerror=alert(1)> bold',
        blocks: [
          {
            block: 'paragraph',
            children: [
              { inline: 'text', text: '<img src=x onerror=alert(1)> ' },
              { inline: 'styled', style: 'strong', children: [{ inline: 'text', text: 'bold' }] },
            ],
          },
        ],
      },
    });
    expect(article.querySelector('img')).toBeNull();
    expect(article.querySelector('strong')?.textContent).toBe('bold');
    expect(article.textContent).toContain('<img src=x onerror=alert(1)>');
  });

  it('hands links to the app instead of following them', async () => {
    const { actions } = show({ body: { type: 'text', plain: 'x', blocks: [{ block: 'paragraph', children: [{ inline: 'link', href: 'https://example.org/', children: [{ inline: 'text', text: 'there' }] }] }] } });
    await userEvent.click(screen.getByRole('link', { name: 'there' }));
    expect(actions.openLink).toHaveBeenCalledWith('https://example.org/');
  });

  it('says why it was not sent, and offers to try again or to discard', async () => {
    const { row, actions } = show({ is_own: true, event_id: null, send_state: { state: 'failed', sentence: 'No way through.', retry: true } });
    expect(screen.getByText(/No way through\./)).toBeTruthy();
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
    await userEvent.click(screen.getByRole('button', { name: 'Discard' }));
    expect(actions.retry).toHaveBeenCalledWith(row);
    expect(actions.discard).toHaveBeenCalledWith(row);
  });

  it('shows a picture that failed at its first address at the next', async () => {
    const picture = { media: 'queued', thumbnail: null, name: 'kiln.png', caption: null, width: 40, height: 30, size: null, mime: 'image/png', blurhash: null };
    const { row, article, rerender } = show({ body: { type: 'picture', ...picture } });
    await fireEvent.error(article.querySelector('button img') ?? article);
    expect(article.querySelector('button img')).toBeNull();
    await rerender({ row: { ...row, body: { type: 'picture', ...picture, media: 'sent' } } });
    expect(article.querySelector('button img')?.getAttribute('src')).toContain('sent');
  });

  it('offers no second try where none can help', () => {
    show({ is_own: true, event_id: null, send_state: { state: 'failed', sentence: 'Too large.', retry: false } });
    expect(screen.queryByRole('button', { name: 'Try again' })).toBeNull();
  });

  it('joins a reaction', async () => {
    const { row, actions } = show({ reactions: [{ key: '👍', count: 2, mine: false, people: ['Leo', 'Mira'] }] });
    const button = screen.getByRole('button', { name: '👍, Leo and Mira' });
    expect(button.getAttribute('aria-pressed')).toBe('false');
    await userEvent.click(button);
    expect(actions.react).toHaveBeenCalledWith(row, '👍');
  });

  it('keeps a spoiler hidden until it is pressed', async () => {
    const { article } = show({ body: { type: 'text', plain: 'x', blocks: [{ block: 'paragraph', children: [{ inline: 'spoiler', reason: 'film', children: [{ inline: 'text', text: 'he did it' }] }] }] } });
    expect(article.textContent).not.toContain('he did it');
    await userEvent.click(screen.getByRole('button', { name: 'Hidden (film): show' }));
    expect(article.textContent).toContain('he did it');
  });

  it('offers editing and removing only where they are allowed', () => {
    show({ can_edit: false });
    expect(screen.queryByRole('button', { name: 'Edit' })).toBeNull();
    expect(screen.getByRole('button', { name: 'Reply' })).toBeTruthy();
  });

  it('says in words what is wrong with its encryption, and nothing when it is fine', () => {
    show({ encryption: { shield: 'warning', sentence: 'From an unknown device.' } });
    expect(screen.getByText('From an unknown device.')).toBeTruthy();
  });
});
