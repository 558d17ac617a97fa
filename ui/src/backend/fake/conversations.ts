/** The conversations of the fake core's scenes. */
import type { CallOutcome } from '../bindings/CallOutcome';
import type { Inline } from '../bindings/Inline';
import type { Me } from '../bindings/Me';
import type { MessageRow } from '../bindings/MessageRow';
import type { Person } from '../bindings/Person';
import type { TimelineRow } from '../bindings/TimelineRow';
import { day, message, person, roomRow, roomView } from './make';
import type { Room } from './scenes';
import { spoken } from './sound';

const MINUTE = 60_000;
const text = (words: string): Inline => ({ inline: 'text', text: words });

function mine(me: Me): { sender: Person; own: Partial<MessageRow> } {
  return {
    sender: { user_id: me.user_id, name: me.name, avatar: me.avatar, hue: me.hue },
    own: { is_own: true, can_edit: true, can_redact: true },
  };
}

export function lakeTrip(now: number, me: Me, mira: Person): TimelineRow[] {
  const { sender, own } = mine(me);
  const yesterday = now - 24 * 60 * MINUTE + 8 * 60 * MINUTE + 19 * MINUTE;
  const first = message(sender, yesterday, 'shall we take the early train?', own);
  return [
    { id: 'start', row: 'start' },
    day(yesterday),
    first,
    message(mira, yesterday + 16 * MINUTE, 'Yes! 7:12 from platform 4. I looked up the path round the lake, it is about nine kilometres and mostly flat.', {
      reply_to: { event_id: first.event_id ?? '', sender, text: 'shall we take the early train?' },
      reactions: [
        { key: '👍', count: 1, mine: true, people: ['Jonas'] },
        { key: '🥾', count: 1, mine: false, people: ['Mira'] },
      ],
    }),
    message(mira, yesterday + 17 * MINUTE, {
      type: 'picture',
      media: 'lake',
      thumbnail: null,
      name: 'lake.jpg',
      caption: null,
      width: 1280,
      height: 784,
      size: 412_000,
      mime: 'image/jpeg',
      blurhash: 'LKO2?U%2Tw=w]~RBVZRi};RPxuwH',
    }),
    { id: 'state-avatar', row: 'state', person: mira, timestamp: yesterday + 30 * MINUTE, change: { change: 'room_avatar' } },
    day(now),
    message(
      sender,
      now - 9 * MINUTE,
      { type: 'file', media: 'tickets', name: 'tickets-22-nov.pdf', caption: 'Booked. Tickets are in here, print nothing.', size: 214_000, mime: 'application/pdf', duration: null, width: null, height: null },
      own,
    ),
    message(
      sender,
      now - 8 * MINUTE,
      {
        type: 'text',
        plain: 'the seat numbers are `34A` and `34B`, https://bahn.example/order',
        blocks: [
          {
            block: 'paragraph',
            children: [
              text('the seat numbers are '),
              { inline: 'code', text: '34A' },
              text(' and '),
              { inline: 'code', text: '34B' },
              text(', '),
              { inline: 'link', href: 'https://bahn.example/order', children: [text('bahn.example/order')] },
            ],
          },
        ],
      },
      own,
    ),
    { id: 'marker', row: 'read_marker' },
    message(
      mira,
      now - 4 * MINUTE,
      {
        type: 'text',
        plain: '@Jonas you are a hero. I bring the sandwiches',
        blocks: [{ block: 'paragraph', children: [{ inline: 'mention', user_id: me.user_id, name: 'Jonas', me: true }, text(' you are a hero. I bring the sandwiches')] }],
      },
      { mentions_me: false },
    ),
    message(mira, now - 3 * MINUTE, 'and the good coffee ☕', { read_by: [mira] }),
  ];
}

export function workshop(now: number, me: Me, people: Person[]): TimelineRow[] {
  const [leo, mira, priya] = people as [Person, Person, Person];
  const { sender, own } = mine(me);
  return [
    day(now),
    message(priya, now - 50 * MINUTE, 'Glaze delivery comes on Tuesday, can someone be there between ten and noon?'),
    message(sender, now - 44 * MINUTE, 'I can, until half past eleven.', { ...own, read_by: [priya, mira] }),
    message(mira, now - 40 * MINUTE, { type: 'text', plain: '🙌', blocks: [{ block: 'paragraph', children: [text('🙌')] }] }),
    message(sender, now - 20 * MINUTE, 'and I will bring the spare key', { ...own, edited: true }),
    { id: 'shop-marker', row: 'read_marker' },
    message(leo, now - 15 * MINUTE, 'Perfect, thank you.', { mentions_me: false }),
    message(leo, now - 14 * MINUTE, 'the kiln is free from four', { read_by: [mira, priya, leo, person('Anselm Okafor')] }),
  ];
}

/** One of every kind of row. */
export function manyKinds(now: number, me: Me, priya: Person, leo: Person): TimelineRow[] {
  const { sender, own } = mine(me);
  const at = (minutes: number) => now - minutes * MINUTE;
  const file = { caption: null, width: null, height: null };
  return [
    { id: 'house-start', row: 'start' },
    day(at(300)),
    { id: 'house-created', row: 'state', person: priya, timestamp: at(300), change: { change: 'created' } },
    { id: 'house-encrypted', row: 'state', person: priya, timestamp: at(300), change: { change: 'encryption_enabled' } },
    { id: 'house-joined', row: 'state', person: leo, timestamp: at(299), change: { change: 'joined' } },
    message(priya, at(290), {
      type: 'text',
      plain: 'Agenda\n1. heating\n2. the bikes',
      blocks: [
        { block: 'heading', level: 2, children: [text('Agenda')] },
        {
          block: 'list',
          ordered: true,
          start: 1,
          items: [
            [{ block: 'paragraph', children: [text('The heating: '), { inline: 'styled', style: 'strong', children: [text('who calls the plumber?')] }] }],
            [{ block: 'paragraph', children: [text('Bicycles in the hall')] }],
          ],
        },
        { block: 'quote', children: [{ block: 'paragraph', children: [text('The hall is an escape route and has to be kept free.')] }] },
      ],
    }),
    message(leo, at(280), {
      type: 'text',
      plain: 'let total = bikes.iter().filter(|b| b.in_hall).count();',
      blocks: [
        { block: 'paragraph', children: [text('I counted them, properly:')] },
        { block: 'code', language: 'rust', text: '// all of them\nlet total = bikes.iter().filter(|bike| bike.in_hall).count();\nassert_eq!(total, 11);\nprintln!("{total} in the hall");' },
      ],
    }),
    message(leo, at(279), { type: 'audio', media: 'audio', name: 'boiler.ogg', size: 88_000, mime: 'audio/ogg', ...file, duration: 12_400 }),
    message(priya, at(278), spoken(47_300)),
    message(priya, at(270), { type: 'text', plain: 'the landlord says …', blocks: [{ block: 'paragraph', children: [text('the landlord says '), { inline: 'spoiler', reason: 'rent', children: [text('forty more')] }] }] }),
    message(priya, at(269), { type: 'redacted' }),
    message(leo, at(268), { type: 'undecryptable', sentence: 'This message was sent before you were here.', waiting: false }),
    message(leo, at(240), { type: 'emote', plain: 'sighs', blocks: [{ block: 'paragraph', children: [text('sighs')] }] }),
    message(priya, at(239), 'Shall we vote?', {
      mentions_me: true,
      encryption: { shield: 'warning', sentence: 'Sent from a device that Priya has not confirmed.' },
      reactions: [
        { key: '👍', count: 3, mine: true, people: ['Leo', 'Jonas', 'Nadja'] },
        { key: '🎉', count: 1, mine: false, people: ['Leo'] },
        { key: 'after dinner', count: 1, mine: false, people: ['Nadja'] },
      ],
    }),
    message(sender, at(30), { type: 'file', media: 'minutes', name: 'minutes-of-the-meeting-in-november-with-all-amendments-final-2.odt', size: 48_200, mime: null, ...file, duration: null }, { ...own, event_id: null, send_state: { state: 'uploading', progress: 0.62 } }),
    message(sender, at(29), 'Can everyone read this?', { ...own, event_id: null, can_edit: false, send_state: { state: 'failed', sentence: 'The message is too large.', retry: true } }),
  ];
}

/** A chat of calls, one of each kind. */
export function callLines(now: number, me: Me, other: Person): TimelineRow[] {
  const { sender } = mine(me);
  const outcomes: [CallOutcome, boolean][] = [
    [{ outcome: 'talked', duration: 252_000, elsewhere: false }, true],
    [{ outcome: 'talked', duration: 4_511_000, elsewhere: true }, true],
    [{ outcome: 'missed' }, true],
    [{ outcome: 'missed' }, false],
    [{ outcome: 'declined' }, true],
    [{ outcome: 'declined' }, false],
    [{ outcome: 'busy' }, true],
    [{ outcome: 'busy' }, false],
    [{ outcome: 'failed' }, true],
    [{ outcome: 'crossed' }, false],
    [{ outcome: 'talked', duration: 59_000, elsewhere: false }, false],
    [{ outcome: 'ringing', until: now + MINUTE }, true],
  ];
  const calls = outcomes.map(([outcome, incoming], at): TimelineRow => ({ id: `call-${at}`, row: 'call', person: incoming ? other : sender, timestamp: now - (90 - 5 * at) * MINUTE, incoming, video: at % 3 === 0, outcome }));
  return [day(now - 90 * MINUTE), ...calls, { id: 'call-rtc', row: 'state', person: other, timestamp: now - 20 * MINUTE, change: { change: 'called_elsewhere' } }];
}

export function longNames(now: number, me: Me): Room[] {
  const long = person('Wolfeschlegelsteinhausenbergerdorff Hubert Blaine senior of Philadelphia');
  const arabic = person('عبد الرحمن بن محمد');
  const japanese = person('山田太郎');
  const { sender, own } = mine(me);
  const url = `https://example.org/${'a-very-long-path-without-any-space/'.repeat(6)}`;
  const direct = roomRow('!long:x', long.name, {
    direct_user_id: long.user_id,
    last_activity: now - MINUTE,
    preview: { sender: long.name, sender_is_me: false, text: 'Supercalifragilisticexpialidocious and then some more words', sending: false, failed: false },
    unread: 1204,
    notifications: 1204,
    mentions: 120,
  });
  const room = roomRow('!longroom:x', 'The association for the preservation of excessively long room names (northern branch)', { kind: 'room', last_activity: now - 2 * MINUTE, muted: true });
  const rtl = roomRow('!rtl:x', arabic.name, { direct_user_id: arabic.user_id, last_activity: now - 3 * MINUTE, preview: { sender: arabic.name, sender_is_me: false, text: 'مرحبا، كيف حالك اليوم؟', sending: false, failed: false } });
  const ja = roomRow('!ja:x', japanese.name, { direct_user_id: japanese.user_id, last_activity: now - 4 * MINUTE, preview: { sender: me.name, sender_is_me: true, text: 'お元気ですか', sending: true, failed: false } });
  return [
    {
      row: direct,
      view: roomView(direct, { direct_user: long, topic: 'A topic that goes on and on so that it certainly does not fit into the one line that the header has for it, whatever the width' }),
      rows: [
        day(now - 10 * MINUTE),
        message(long, now - 10 * MINUTE, 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft'.repeat(3)),
        message(sender, now - 9 * MINUTE, { type: 'text', plain: url, blocks: [{ block: 'paragraph', children: [{ inline: 'link', href: url, children: [text(url)] }] }] }, own),
        message(arabic, now - 8 * MINUTE, 'مرحبا، كيف حالك اليوم؟'),
        message(japanese, now - 7 * MINUTE, 'お元気ですか。今日はいい天気ですね。'),
      ],
      typing: [long, arabic],
      people: [long, arabic, japanese],
      older: [],
    },
    { row: room, view: roomView(room, { joined_members: 3 }), rows: [], typing: [], people: [long], older: [] },
    { row: rtl, view: roomView(rtl, { direct_user: arabic }), rows: [], typing: [], people: [arabic], older: [] },
    { row: ja, view: roomView(ja, { direct_user: japanese }), rows: [], typing: [], people: [japanese], older: [] },
  ];
}
