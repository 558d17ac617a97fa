/** Calls as a person meets them: the ringing, the screen, the bar, and why it ended. */
import { render, screen, within } from '@testing-library/svelte';
import { userEvent } from '@testing-library/user-event';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import App from './App.svelte';
import { createBackend } from '~/backend/consumer';
import { fakeTransport } from '~/backend/fake/transport';
import { duration } from '~/features/call/call';

function start(scene: string, place = '/') {
  history.replaceState(null, '', place);
  const transport = fakeTransport(scene, { pace: 0 });
  render(App, { props: { backend: createBackend(transport) } });
  return transport;
}

const mira = `/#/room/${encodeURIComponent('!mira:x')}`;
const workshop = `/#/room/${encodeURIComponent('!shop:x')}`;
const call = { room_id: '!mira:x', call_id: 'call' };

beforeEach(() => {
  localStorage.clear();
  sessionStorage.clear();
});

describe('a call that comes in', () => {
  it('rings over everything and opens when it is accepted', async () => {
    const transport = start('incoming-call', workshop);
    const dialog = await screen.findByRole('dialog', { name: 'Incoming call' });
    expect(within(dialog).getByText('Mira')).toBeTruthy();
    await userEvent.click(within(dialog).getByRole('button', { name: 'Accept' }));
    expect(transport.asked.find((request) => request.name === 'accept_call')).toMatchObject({ args: { call, video: false } });
    const region = await screen.findByRole('region', { name: 'Call' });
    expect(within(region).getByRole('button', { name: 'Hang up' })).toBeTruthy();
    expect(screen.queryByRole('dialog')).toBeNull();
  });

  it('with pictures is answered with the camera, or without', async () => {
    const transport = start('incoming-video-call', workshop);
    await userEvent.click(await screen.findByRole('button', { name: 'Accept without camera' }));
    expect(transport.asked.find((request) => request.name === 'accept_call')).toMatchObject({ args: { call, video: false } });
    expect((await screen.findByRole('button', { name: 'Camera' })).getAttribute('aria-pressed')).toBe('false');
  });

  it('with pictures turns the camera on when it is accepted', async () => {
    const transport = start('incoming-video-call', workshop);
    await userEvent.click(await screen.findByRole('button', { name: 'Accept' }));
    expect(transport.asked.find((request) => request.name === 'accept_call')).toMatchObject({ args: { call, video: true } });
    expect((await screen.findByRole('button', { name: 'Camera' })).getAttribute('aria-pressed')).toBe('true');
  });

  it('is declined', async () => {
    const transport = start('incoming-call');
    await userEvent.click(await screen.findByRole('button', { name: 'Decline' }));
    expect(transport.asked.find((request) => request.name === 'decline_call')).toMatchObject({ args: { call } });
    await vi.waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  });

  it('goes on as a quiet bar when Escape silences it', async () => {
    const transport = start('incoming-call', workshop);
    await screen.findByRole('dialog', { name: 'Incoming call' });
    await userEvent.keyboard('{Escape}');
    expect(transport.asked.find((request) => request.name === 'silence_call')).toMatchObject({ args: { call } });
    const bar = await screen.findByRole('region', { name: 'Call under way' });
    await userEvent.click(within(bar).getByRole('button', { name: 'Accept' }));
    expect(await screen.findByRole('region', { name: 'Call' })).toBeTruthy();
  });
});

describe('a call that goes on', () => {
  it('is placed from a direct chat alone', async () => {
    const transport = start('conversation', mira);
    await userEvent.click(await screen.findByRole('button', { name: 'Voice call' }));
    expect(transport.asked.find((request) => request.name === 'place_call')).toMatchObject({ args: { room_id: '!mira:x', video: false } });
    expect(await screen.findByText('Calling Mira…')).toBeTruthy();
  });

  it('is not offered before the other has answered an invitation', async () => {
    start('conversation', workshop);
    await userEvent.click(await screen.findByRole('button', { name: 'New conversation' }));
    await userEvent.type(await screen.findByRole('textbox', { name: 'Invite link or address' }), 'hearth:u/sana:5kxqv3.key.example');
    await userEvent.click(screen.getByRole('button', { name: 'Start chat' }));
    await screen.findByText(/Sana has not answered your invitation yet/);
    expect(screen.queryByRole('button', { name: 'Voice call' })).toBeNull();
  });

  it('is placed with pictures', async () => {
    const transport = start('conversation', mira);
    await userEvent.click(await screen.findByRole('button', { name: 'Video call' }));
    expect(transport.asked.find((request) => request.name === 'place_call')).toMatchObject({ args: { room_id: '!mira:x', video: true } });
    expect((await screen.findByRole('button', { name: 'Camera' })).getAttribute('aria-pressed')).toBe('true');
  });

  it('turns the camera on and off, takes another one, and shares the screen', async () => {
    const transport = start('call', mira);
    const wishes = () => transport.asked.flatMap((request) => (request.name === 'set_call_media' ? [request.args.wish] : []));
    const camera = await screen.findByRole('button', { name: 'Camera' });
    screen.getByRole('button', { name: 'Which camera' }).focus();
    await userEvent.keyboard('{Enter}');
    await userEvent.click(await screen.findByText('USB camera'));
    expect(transport.asked.at(-1)).toEqual({ name: 'choose_camera', args: { camera: 'usb' } });
    await userEvent.click(camera);
    await vi.waitFor(() => expect(camera.getAttribute('aria-pressed')).toBe('true'));
    await userEvent.click(camera);
    await vi.waitFor(() => expect(camera.getAttribute('aria-pressed')).toBe('false'));
    await userEvent.click(screen.getByRole('button', { name: 'Share screen' }));
    expect(await screen.findByText('You are sharing your screen')).toBeTruthy();
    expect(wishes().map(({ camera, screen }) => ({ camera, screen }))).toEqual([
      { camera: true, screen: null },
      { camera: false, screen: null },
      { camera: null, screen: true },
    ]);
  });

  it('says why nobody is seen', async () => {
    start('no-camera', mira);
    expect(await screen.findByText('Another program has the camera: you are not seen.')).toBeTruthy();
  });

  it('mutes, holds and hangs up', async () => {
    const transport = start('call', mira);
    const mute = await screen.findByRole('button', { name: 'Mute' });
    expect(screen.getByText('04:12')).toBeTruthy();
    expect(screen.getByText('Good connection')).toBeTruthy();
    expect(screen.getByText('Mira is muted')).toBeTruthy();
    await userEvent.click(mute);
    await vi.waitFor(() => expect(mute.getAttribute('aria-pressed')).toBe('true'));
    await userEvent.click(screen.getByRole('button', { name: 'Hold' }));
    expect(await screen.findByText('On hold')).toBeTruthy();
    await userEvent.click(screen.getByRole('button', { name: 'Hang up' }));
    expect(transport.asked.find((request) => request.name === 'hang_up')).toMatchObject({ args: { call } });
    expect(await screen.findByRole('log', { name: 'Messages' })).toBeTruthy();
  });

  it('stays in a bar over messages and other rooms', async () => {
    start('call', mira);
    await userEvent.click(await screen.findByRole('button', { name: 'Show messages' }));
    const bar = await screen.findByRole('region', { name: 'Call under way' });
    expect(await screen.findByRole('log', { name: 'Messages' })).toBeTruthy();
    await userEvent.click(within(bar).getByRole('button', { name: /Mira/ }));
    expect(await screen.findByRole('region', { name: 'Call' })).toBeTruthy();
  });
});

describe('the camera', () => {
  it('is chosen in the settings, or left to choose itself', async () => {
    const transport = start('conversation', '/#/settings/sound');
    const chosen = () => transport.asked.flatMap((request) => (request.name === 'choose_camera' ? [request.args.camera] : []));
    const field = await screen.findByRole('combobox', { name: 'Which camera' });
    await userEvent.selectOptions(field, 'USB camera');
    await userEvent.selectOptions(field, 'The best there is');
    expect(chosen()).toEqual(['usb', null]);
  });
});

describe('sound', () => {
  it('is chosen, seen and tried in the settings', async () => {
    const transport = start('conversation', '/#/settings/sound');
    const which = await screen.findByRole('combobox', { name: 'Hear me with' });
    await userEvent.selectOptions(which, 'Built-in microphone');
    expect(transport.asked.find((request) => request.name === 'choose_sound')).toMatchObject({ args: { choice: { microphone: 'in-1', speaker: null } } });
    await userEvent.selectOptions(which, 'The system’s choice');
    expect(transport.asked.filter((request) => request.name === 'choose_sound').at(-1)).toMatchObject({ args: { choice: { microphone: null, speaker: null } } });
    await vi.waitFor(() => expect(screen.getByRole('meter').getAttribute('aria-valuenow')).toBe('62'));
    await userEvent.click(screen.getByRole('button', { name: 'Play a test sound' }));
    expect(transport.asked.some((request) => request.name === 'play_test_sound')).toBe(true);
  });
});

describe('the network', () => {
  it('is checked when one asks, and told in words', async () => {
    const transport = start('conversation', '/#/settings/sound');
    await userEvent.click(await screen.findByRole('button', { name: 'Check the network' }));
    expect(transport.asked.some((request) => request.name === 'check_network')).toBe(true);
    expect((await screen.findAllByText(/get through to nearly everyone/)).length).toBeGreaterThan(0);
    expect(screen.getByText('People elsewhere, directly').parentElement?.textContent).toContain('found');
    expect(screen.getByRole('button', { name: 'Check again' })).toBeTruthy();
  });
});

describe('a call in the corner', () => {
  it('goes along where no bar tells of it, and leads back', async () => {
    const transport = start('call', '/#/settings/appearance');
    const corner = await screen.findByRole('region', { name: 'Call in the corner' });
    expect(within(corner).getByText('Mira')).toBeTruthy();
    await userEvent.click(within(corner).getByRole('button', { name: 'Mute' }));
    expect(transport.asked.find((request) => request.name === 'set_call_media')).toMatchObject({ args: { call, wish: { microphone: false } } });
    corner.focus();
    await userEvent.keyboard('{ArrowUp}');
    expect(localStorage.getItem('hearth.call-corner')).toBe('top-end');
    await userEvent.keyboard('{Enter}');
    expect(await screen.findByRole('region', { name: 'Call' })).toBeTruthy();
    expect(screen.queryByRole('region', { name: 'Call in the corner' })).toBeNull();
  });

  it('is muted and found again by keys from anywhere', async () => {
    const transport = start('call', workshop);
    await screen.findByRole('region', { name: 'Call under way' });
    expect(screen.queryByRole('region', { name: 'Call in the corner' })).toBeNull();
    await userEvent.keyboard('{Control>}{Shift>}m{/Shift}{/Control}');
    expect(transport.asked.find((request) => request.name === 'set_call_media')).toMatchObject({ args: { call, wish: { microphone: false } } });
    await userEvent.keyboard('{Control>}{Shift>}c{/Shift}{/Control}');
    expect(await screen.findByRole('region', { name: 'Call' })).toBeTruthy();
  });
});

describe('a call that is over', () => {
  it('says why, and can be tried again', async () => {
    const transport = start('call-ended', mira);
    expect(await screen.findByText(/No way through to Mira/)).toBeTruthy();
    await userEvent.click(screen.getByRole('button', { name: 'Call again' }));
    expect(transport.asked.map((request) => request.name)).toEqual(expect.arrayContaining(['close_call', 'place_call']));
    expect(await screen.findByText('Calling Mira…')).toBeTruthy();
  });
});

describe('durations', () => {
  it('have hours only when there are some', () => {
    expect([0, 75, 3675].map(duration)).toEqual(['00:00', '01:15', '1:01:15']);
  });
});
