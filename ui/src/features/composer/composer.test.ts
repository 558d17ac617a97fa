/** The composer, over a core in memory. */
import { render, screen } from '@testing-library/svelte';
import { userEvent } from '@testing-library/user-event';
import { describe, expect, it, vi } from 'vitest';
import WithBackend from '~/app/WithBackend.test.svelte';
import { createBackend } from '~/backend/consumer';
import { message, person } from '~/backend/fake/make';
import { fakeTransport } from '~/backend/fake/transport';
import Composer from './Composer.svelte';
import { mentionAt, stillMentioned } from './draft';

const SHOP = '!shop:x';

function show(part: Record<string, unknown> = {}) {
  const transport = fakeTransport('conversation', { pace: 0 });
  const onintent = vi.fn();
  const oneditlast = vi.fn();
  render(WithBackend, { props: { backend: createBackend(transport), component: Composer, props: { roomId: SHOP, draft: '', intent: null, onintent, oneditlast, ...part } } });
  const asked = (name: string) => transport.asked.filter((request) => request.name === name);
  return { transport, asked, onintent, oneditlast, field: screen.getByRole<HTMLTextAreaElement>('textbox', { name: 'Message' }) };
}

describe('writing', () => {
  it('sends on Enter and empties the field; Shift+Enter makes a line', async () => {
    const { field, asked } = show();
    await userEvent.type(field, 'one{Shift>}{Enter}{/Shift}two{Enter}');
    expect(asked('send_message')).toMatchObject([{ args: { room_id: SHOP, draft: { body: 'one\ntwo', reply_to: null, mentions: [] } } }]);
    expect(field.value).toBe('');
  });

  it('sends nothing when there is nothing', async () => {
    const { field, asked } = show();
    await userEvent.type(field, '   {Enter}');
    await userEvent.click(screen.getByRole('button', { name: 'Send' }));
    expect(asked('send_message')).toEqual([]);
  });

  it('starts with the draft left before and tells the core of typing', async () => {
    const { field, asked } = show({ draft: 'I can' });
    expect(field.value).toBe('I can');
    await userEvent.type(field, ' come');
    expect(asked('set_typing')).toMatchObject([{ args: { typing: true } }]);
    await userEvent.type(field, '{Enter}');
    expect(asked('set_typing').at(-1)).toMatchObject({ args: { typing: false } });
  });

  it('names the message that is answered', async () => {
    const row = message(person('Leo'), 0, 'the kiln is free');
    const { field, asked, onintent } = show({ intent: { kind: 'reply', row } });
    expect(screen.getByText('Reply to Leo')).toBeTruthy();
    await userEvent.type(field, 'good{Enter}');
    expect(asked('send_message')).toMatchObject([{ args: { draft: { body: 'good', reply_to: row.event_id } } }]);
    expect(onintent).toHaveBeenCalledWith(null);
  });

  it('edits instead of sending, beginning with the old text', async () => {
    const row = message(person('Jonas'), 0, 'at four', { is_own: true, can_edit: true });
    const { field, asked } = show({ intent: { kind: 'edit', row } });
    await vi.waitFor(() => expect(field.value).toBe('at four'));
    await userEvent.clear(field);
    await userEvent.type(field, 'at five{Enter}');
    expect(asked('edit_message')).toMatchObject([{ args: { row_id: row.id, draft: { body: 'at five' } } }]);
    expect(asked('send_message')).toEqual([]);
  });

  it('asks for the last own message on arrow up, and drops the answer on Escape', async () => {
    const { field, oneditlast } = show();
    await userEvent.type(field, '{ArrowUp}');
    expect(oneditlast).toHaveBeenCalledOnce();
  });

  it('offers people after "@" and sends whom it picked', async () => {
    const { field, asked } = show();
    await userEvent.type(field, 'thanks @le');
    await screen.findByRole('option', { name: /Leo/ });
    await userEvent.type(field, '{Enter}');
    expect(field.value).toBe('thanks @Leo ');
    await userEvent.type(field, '{Enter}');
    await vi.waitFor(() => expect(asked('send_message')).toMatchObject([{ args: { draft: { body: 'thanks @Leo', mentions: ['@leo:5kxq.key.example'] } } }]));
  });

  it('sends files after uploading them, the text as the first one’s caption', async () => {
    const { field, asked } = show();
    const input = document.querySelector<HTMLInputElement>('input[type=file]');
    if (!input) throw new Error('no file field');
    await userEvent.upload(input, [new File(['a'], 'a.txt', { type: 'text/plain' }), new File(['b'], 'b.txt', { type: 'text/plain' })]);
    await userEvent.type(field, 'both{Enter}');
    await vi.waitFor(() => expect(asked('send_attachment')).toHaveLength(2));
    expect(asked('send_attachment')).toMatchObject([
      { args: { attachment: { name: 'a.txt', upload: 'upload-1', caption: 'both' } } },
      { args: { attachment: { name: 'b.txt', upload: 'upload-2', caption: null } } },
    ]);
  });
});

describe('mentions', () => {
  it('are asked for only where "@" begins a word', () => {
    expect(mentionAt('hi @mi', 6)).toEqual({ from: 3, word: 'mi' });
    expect(mentionAt('mail@mi', 7)).toBeNull();
    expect(mentionAt('hi @mi there', 12)).toBeNull();
  });

  it('are sent only while they stand in the text', () => {
    const both = [{ userId: '@a:x', name: 'A' }, { userId: '@b:x', name: 'B' }];
    expect(stillMentioned('hello @B', both)).toEqual(['@b:x']);
  });
});

describe('a voice message', () => {
  it('is recorded and sent, as an answer where one was begun', async () => {
    const row = message(person('Leo'), 0, 'the kiln is free');
    const { asked, onintent } = show({ intent: { kind: 'reply', row } });
    await userEvent.click(screen.getByRole('button', { name: 'Record a voice message' }));
    await vi.waitFor(() => expect(screen.getByRole('timer').textContent).toBe('0:04'));
    await userEvent.click(screen.getByRole('button', { name: 'Send voice message' }));
    expect(asked('send_recording')).toMatchObject([{ args: { room_id: SHOP, reply_to: row.event_id } }]);
    await vi.waitFor(() => expect(screen.queryByRole('group', { name: 'Recording' })).toBeNull());
    expect(onintent).toHaveBeenCalledWith(null);
  });

  it('is thrown away by Escape, and what was written is still there', async () => {
    const { asked, field } = show();
    await userEvent.type(field, 'x{Backspace}');
    await userEvent.click(screen.getByRole('button', { name: 'Record a voice message' }));
    await screen.findByRole('group', { name: 'Recording' });
    await userEvent.keyboard('{Escape}');
    expect(screen.queryByRole('group', { name: 'Recording' })).toBeNull();
    expect(asked('send_recording')).toEqual([]);
    await userEvent.type(field, 'hello');
    expect(screen.getByRole<HTMLButtonElement>('button', { name: 'Record a voice message' }).disabled).toBe(true);
  });
});
