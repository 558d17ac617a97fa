/** The sidebar: sections, words, and the roles and names that tests and screen readers look for. */
import { render, screen } from '@testing-library/svelte';
import { userEvent } from '@testing-library/user-event';
import { describe, expect, it, vi } from 'vitest';
import { createBackend } from '~/backend/consumer';
import { roomRow } from '~/backend/fake/make';
import { jonas } from '~/backend/fake/scenes';
import { fakeTransport } from '~/backend/fake/transport';
import WithBackend from '~/app/WithBackend.test.svelte';
import { addressIn, sections } from './sections';
import Sidebar from './Sidebar.svelte';
import { markOf, secondLine, unreadWords } from './words';

const tomas = roomRow('!t:x', 'Tomás', { unread: 2, mentions: 1, notifications: 2 });
const shop = roomRow('!s:x', 'Workshop', { kind: 'room', favourite: true });
const invite = roomRow('!i:x', 'Sana', { kind: 'invite', direct_user_id: '@sana:x' });

describe('sections', () => {
  it('put invitations first, then favourites, people and rooms', () => {
    const books = roomRow('!b:x', 'Books', { kind: 'room' });
    expect(sections([books, tomas, shop, invite], '').map((section) => section.name)).toEqual(['invites', 'favourites', 'people', 'rooms']);
  });

  it('find without case and marks', () => {
    expect(sections([tomas, shop], 'TOMAS').flatMap((section) => section.rooms)).toEqual([tomas]);
    expect(sections([tomas, shop], 'nothing')).toEqual([]);
  });

  it('know a link and an address from a name', () => {
    expect(addressIn(' hearth:jonas@abc ')).toEqual({ link: 'hearth:jonas@abc' });
    expect(addressIn('@mira:example.org')).toEqual({ user: '@mira:example.org' });
    expect(addressIn('mira')).toBeNull();
  });
});

describe('words', () => {
  it('say what is unread', () => {
    expect(unreadWords(tomas)).toBe('2 unread messages, 1 mention');
    expect(unreadWords(shop)).toBe('');
  });

  it('prefer typing to a draft, and a draft to the last message', () => {
    const preview = { sender: 'Tomás', sender_is_me: false, text: 'hello', sending: false, failed: false };
    expect(secondLine({ ...tomas, preview, draft: 'I', typing: ['Tomás'] }, false).text).toBe('Typing…');
    expect(secondLine({ ...tomas, preview, draft: 'I' }, false)).toEqual({ draft: true, text: 'I' });
    expect(secondLine({ ...tomas, preview, draft: 'I' }, true).text).toBe('hello');
    expect(secondLine({ ...shop, preview }, false).text).toBe('Tomás: hello');
  });

  it('mark a failure above all, and a muted room quietly', () => {
    const failed = { sender: 'Jonas', sender_is_me: true, text: 'x', sending: false, failed: true };
    expect(markOf({ ...tomas, preview: failed })).toEqual({ kind: 'failed' });
    expect(markOf(tomas)).toMatchObject({ kind: 'count', count: 1 });
    expect(markOf({ ...shop, muted: true, unread: 3 })).toEqual({ kind: 'muted' });
  });
});

describe('the list', () => {
  function show() {
    const backend = createBackend(fakeTransport('conversation', { pace: 0 }));
    const onnew = vi.fn();
    const props = { me: jonas, rooms: [tomas, shop, invite], loaded: true, connection: undefined, current: '!s:x', now: Date.now(), onnew, onsettings: vi.fn(), onroom: vi.fn(), onkit: vi.fn() };
    render(WithBackend, { props: { backend, component: Sidebar, props } });
    return { onnew };
  }

  it('has a link for each room, named by it, and says what is unread in its description', () => {
    show();
    const nav = screen.getByRole('navigation', { name: 'Conversations' });
    expect(nav).toBeTruthy();
    const link = screen.getByRole('link', { name: 'Tomás' });
    expect(document.getElementById(link.getAttribute('aria-describedby') ?? '')?.textContent).toContain('2 unread messages, 1 mention');
    expect(screen.getByRole('link', { name: 'Workshop' }).getAttribute('aria-current')).toBe('page');
  });

  it('filters while one types', async () => {
    show();
    await userEvent.type(screen.getByRole('searchbox', { name: 'Search' }), 'work');
    expect(screen.queryByRole('link', { name: 'Tomás' })).toBeNull();
    expect(screen.getByRole('link', { name: 'Workshop' })).toBeTruthy();
  });

  it('starts a new conversation', async () => {
    const { onnew } = show();
    await userEvent.click(screen.getByRole('button', { name: 'New conversation' }));
    expect(onnew).toHaveBeenCalledOnce();
    expect(screen.getByRole('button', { name: 'Settings' })).toBeTruthy();
  });
});
