/** An invite read with the camera, from the button to the conversation. */
import { render, screen, within } from '@testing-library/svelte';
import { userEvent } from '@testing-library/user-event';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import App from './App.svelte';
import { createBackend } from '~/backend/consumer';
import { fakeTransport } from '~/backend/fake/transport';

const LINK = 'hearth:u/sana:5kxqv3.key.example?ticket=abc';

function start(scene: string) {
  history.replaceState(null, '', '/');
  const transport = fakeTransport(scene, { pace: 0 });
  render(App, { props: { backend: createBackend(transport) } });
  return transport;
}

async function scan(scene: string) {
  const transport = start(scene);
  await userEvent.click(await screen.findByRole('button', { name: 'New conversation' }));
  await userEvent.click(await screen.findByRole('button', { name: 'Scan with the camera' }));
  return { transport, dialog: await screen.findByRole('dialog', { name: 'Scan an invite' }) };
}

const opened = (transport: ReturnType<typeof start>) => transport.asked.filter((request) => request.name === 'open_invite_link');

beforeEach(() => {
  localStorage.clear();
  sessionStorage.clear();
});

describe('a scan', () => {
  it('shows what the camera sees and opens the invite that it finds', async () => {
    const { transport, dialog } = await scan('scan');
    await within(dialog).findByRole('img', { name: 'What the camera sees' });
    expect(within(dialog).getByText('Hold the code in front of the camera.')).toBeTruthy();
    transport.scanned({ state: 'found', link: LINK });
    await vi.waitFor(() => expect(opened(transport)).toEqual([{ name: 'open_invite_link', args: { link: LINK } }]));
    await screen.findByRole('heading', { name: 'Sana' });
    expect(screen.queryByRole('dialog')).toBeNull();
  });

  it('says that a code is no invite, and goes on', async () => {
    const { transport, dialog } = await scan('scan');
    const status = within(dialog).getByRole('status');
    expect(status.textContent?.trim()).toBe('');
    transport.scanned({ state: 'looking', picture: '', no_invite: true });
    await vi.waitFor(() => expect(status.textContent?.trim()).toBe('That code is no invite.'));
    transport.scanned({ state: 'looking', picture: '', no_invite: false });
    await vi.waitFor(() => expect(status.textContent?.trim()).toBe(''));
    expect(within(dialog).getByRole('img', { name: 'What the camera sees' })).toBeTruthy();
  });

  it('says in the field what is wrong with an invite, as if it had been pasted', async () => {
    const { transport } = await scan('scan');
    const own = (await createBackend(fakeTransport('empty', { pace: 0 })).request('get_invite_link')).link;
    transport.scanned({ state: 'found', link: own });
    const field = await screen.findByRole('textbox', { name: 'Invite link or address' });
    await vi.waitFor(() => expect(field.getAttribute('aria-invalid')).toBe('true'));
    expect((field as HTMLInputElement).value).toBe(own);
    expect(screen.getByRole('alert').textContent).toBe('That is your own link. Send it to someone else.');
  });

  it.each([
    ['scan-busy', 'A call or another program has the camera.'],
    ['scan-vanished', 'The camera is gone. Is it still plugged in?'],
    ['scan-not-allowed', 'This system does not let Hearth use the camera.'],
    ['scan-no-camera', 'There is no camera'],
  ])('says why there is no picture: %s', async (scene, words) => {
    const { transport, dialog } = await scan(scene);
    await vi.waitFor(() => expect(within(dialog).getByRole('status').textContent?.trim()).toBe(words));
    transport.scene.scan = { state: 'looking', picture: '', no_invite: false };
    await userEvent.click(within(dialog).getByRole('button', { name: 'Try again' }));
    await within(dialog).findByRole('img', { name: 'What the camera sees' });
  });

  it.each(['Cancel', 'Close', 'Escape'])('is over when it is left by %s, and only the scan', async (way) => {
    const { transport, dialog } = await scan('scan');
    if (way === 'Escape') await userEvent.keyboard('{Escape}');
    else await userEvent.click(within(dialog).getByRole('button', { name: way }));
    await vi.waitFor(() => expect(screen.queryByRole('dialog', { name: 'Scan an invite' })).toBeNull());
    expect(screen.getByRole('dialog', { name: 'New conversation' })).toBeTruthy();
    transport.scanned({ state: 'found', link: LINK });
    expect(opened(transport)).toEqual([]);
    await vi.waitFor(() => expect(document.activeElement).toBe(screen.getByRole('button', { name: 'Scan with the camera' })));
  });

  it('is not offered without a camera', async () => {
    start('without-camera');
    await userEvent.click(await screen.findByRole('button', { name: 'New conversation' }));
    await screen.findByText('People you know');
    expect(screen.queryByRole('button', { name: 'Scan with the camera' })).toBeNull();
  });

  it('is offered on the page that follows the first run', async () => {
    const transport = start('first-run');
    await userEvent.type(await screen.findByRole('textbox', { name: 'Your name' }), 'Jonas');
    await userEvent.click(screen.getByRole('button', { name: 'Create' }));
    await userEvent.click(await screen.findByRole('button', { name: 'Later' }));
    await userEvent.click(await screen.findByRole('button', { name: 'Scan with the camera' }));
    await screen.findByRole('dialog', { name: 'Scan an invite' });
    transport.scanned({ state: 'found', link: LINK });
    await vi.waitFor(() => expect(opened(transport)).toHaveLength(1));
    await screen.findByRole('heading', { name: 'Sana' });
  });
});
