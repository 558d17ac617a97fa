/** The whole app over a core in memory: first run, inviting, trouble. */
import { render, screen } from '@testing-library/svelte';
import { userEvent } from '@testing-library/user-event';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { createBackend } from '~/backend/consumer';
import { fakeTransport } from '~/backend/fake/transport';
import App from './App.svelte';
import { format, parse } from './place.svelte';

function start(scene: string) {
  const transport = fakeTransport(scene, { pace: 0 });
  render(App, { props: { backend: createBackend(transport) } });
  return transport;
}

beforeEach(() => {
  localStorage.clear();
  sessionStorage.clear();
  history.replaceState(null, '', '/');
});

describe('first run', () => {
  it('goes from a name to a conversation in four steps', async () => {
    const transport = start('first-run');
    await userEvent.type(await screen.findByRole('textbox', { name: 'Your name' }), 'Jonas');
    await userEvent.click(screen.getByRole('button', { name: 'Create' }));
    await screen.findByRole('heading', { name: 'Save your recovery kit' });
    await userEvent.click(screen.getByRole('button', { name: 'Later' }));
    const link = await screen.findByRole<HTMLInputElement>('textbox', { name: 'Your invite link' });
    await vi.waitFor(() => expect(link.value).toMatch(/^hearth:/));
    await userEvent.type(screen.getByRole('textbox', { name: 'Paste an invite link' }), 'hearth:sana@abc');
    await userEvent.click(screen.getByRole('button', { name: 'Start chat' }));
    expect(await screen.findByRole('textbox', { name: 'Message' })).toBeTruthy();
    expect(transport.asked.find((request) => request.name === 'create_account')).toMatchObject({ args: { display_name: 'Jonas', passphrase: null, domain: null } });
  });

  it('has the other ways in', async () => {
    start('first-run');
    expect(await screen.findByRole('button', { name: 'Restore from a backup' })).toBeTruthy();
    expect(screen.getByRole('button', { name: 'Use an existing account' })).toBeTruthy();
    expect(screen.getByRole('button', { name: 'I have a domain' })).toBeTruthy();
    expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Create' }).disabled).toBe(true);
  });

  it('asks for a passphrase where there is no keyring, and for a long one', async () => {
    const transport = start('first-run-no-keyring');
    await userEvent.type(await screen.findByRole('textbox', { name: 'Your name' }), 'Jonas');
    await userEvent.type(screen.getByLabelText('Passphrase'), 'short');
    await userEvent.click(screen.getByRole('button', { name: 'Create' }));
    expect((await screen.findByRole('alert')).textContent).toBe('At least eight characters.');
    await userEvent.type(screen.getByLabelText('Passphrase'), ' but longer');
    await userEvent.click(screen.getByRole('button', { name: 'Create' }));
    await vi.waitFor(() => expect(transport.asked.find((request) => request.name === 'create_account')).toMatchObject({ args: { passphrase: 'short but longer' } }));
  });

  it('says so when a wrong link is pasted', async () => {
    start('first-run');
    await userEvent.type(await screen.findByRole('textbox', { name: 'Your name' }), 'Jonas');
    await userEvent.click(screen.getByRole('button', { name: 'Create' }));
    await userEvent.click(await screen.findByRole('button', { name: 'Later' }));
    await userEvent.type(await screen.findByRole('textbox', { name: 'Paste an invite link' }), 'nonsense');
    await userEvent.click(screen.getByRole('button', { name: 'Start chat' }));
    expect((await screen.findByRole('alert')).textContent).toContain('not an invite link');
  });

  it('saves the recovery kit as a file', async () => {
    const transport = start('recovery-kit');
    await userEvent.click(await screen.findByRole('button', { name: 'Save the file' }));
    await vi.waitFor(() => expect(transport.saved).toMatchObject([{ name: 'hearth-recovery-kit.txt' }]));
    await vi.waitFor(() => expect(transport.scene.me.recovery_kit_saved).toBe(true));
  });
});

describe('trouble', () => {
  it('is said in words when the keyring is locked', async () => {
    start('keyring-locked');
    expect(await screen.findByRole('heading', { name: 'Your keyring is locked' })).toBeTruthy();
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(await screen.findByRole('navigation', { name: 'Conversations' })).toBeTruthy();
  });

  it('is said in words when the data folder is in use', async () => {
    start('in-use');
    expect(await screen.findByRole('heading', { name: 'Hearth is already running' })).toBeTruthy();
  });

  it('asks again for a wrong passphrase', async () => {
    start('passphrase');
    await userEvent.type(await screen.findByLabelText('Passphrase'), 'wrong');
    await userEvent.click(screen.getByRole('button', { name: 'Open' }));
    expect((await screen.findByRole('alert')).textContent).toContain('not the passphrase');
  });
});

describe('invitations', () => {
  it('are accepted', async () => {
    start('invitations');
    location.hash = '#/room/!invite%3Ax';
    await userEvent.click(await screen.findByRole('button', { name: 'Accept' }));
    expect(await screen.findByRole('textbox', { name: 'Message' })).toBeTruthy();
  });

  it('are declined', async () => {
    const transport = start('invitations');
    location.hash = '#/room/!invite%3Ax';
    await userEvent.click(await screen.findByRole('button', { name: 'Decline' }));
    await vi.waitFor(() => expect(screen.queryByRole('button', { name: 'Decline' })).toBeNull());
    expect(transport.scene.rooms.some((room) => room.row.room_id === '!invite:x')).toBe(false);
  });
});

describe('settings', () => {
  it('change the theme of the page and are kept', async () => {
    const transport = start('conversation');
    location.hash = '#/settings/appearance';
    await userEvent.click(await screen.findByRole('radio', { name: 'Dark' }));
    expect(document.documentElement.dataset.theme).toBe('dark');
    await vi.waitFor(() => expect(transport.asked.find((request) => request.name === 'set_settings')).toMatchObject({ args: { settings: { theme: 'dark' } } }));
  });
});

describe('places', () => {
  it('survive the address', () => {
    for (const place of [{ at: 'home' }, { at: 'room', roomId: '!a/b:c.d' }, { at: 'settings', page: 'privacy' }] as const) expect(parse(format(place))).toEqual(place);
    expect(parse('#/room/%')).toEqual({ at: 'home' });
    expect(parse('#/settings/nonsense')).toEqual({ at: 'settings', page: 'profile' });
  });
});
