/** Changes of a room in one line of words. */
import type { Person } from '~/backend/bindings/Person';
import type { StateChange } from '~/backend/bindings/StateChange';
import { m } from '~/i18n/paraglide/messages.js';

export function stateWords(person: Person, change: StateChange): string {
  const name = person.name;
  switch (change.change) {
    case 'created':
      return m.state_created({ name });
    case 'joined':
      return m.state_joined({ name });
    case 'left':
      return m.state_left({ name });
    case 'invited':
      return m.state_invited({ name, other: change.name });
    case 'invite_declined':
      return m.state_invite_declined({ name });
    case 'invite_withdrawn':
      return m.state_invite_withdrawn({ name, other: change.name });
    case 'removed':
      return change.reason
        ? m.state_removed_reason({ name, other: change.name, reason: change.reason })
        : m.state_removed({ name, other: change.name });
    case 'banned':
      return change.reason
        ? m.state_banned_reason({ name, other: change.name, reason: change.reason })
        : m.state_banned({ name, other: change.name });
    case 'unbanned':
      return m.state_unbanned({ name, other: change.name });
    case 'knocked':
      return m.state_knocked({ name });
    case 'renamed':
      if (change.to === null) return m.state_name_removed({ name: change.from ?? name });
      return change.from === null ? m.state_name_set({ name: person.user_id, to: change.to }) : m.state_renamed({ from: change.from, to: change.to });
    case 'avatar_changed':
      return m.state_avatar({ name });
    case 'room_name':
      return change.name === null ? m.state_room_name_removed({ name }) : m.state_room_name({ name, room: change.name });
    case 'room_topic':
      return change.topic ? m.state_room_topic({ name, topic: change.topic }) : m.state_room_topic_removed({ name });
    case 'room_avatar':
      return m.state_room_avatar({ name });
    case 'encryption_enabled':
      return m.state_encryption();
    case 'upgraded':
      return m.state_upgraded({ name });
    case 'pinned_changed':
      return m.state_pinned({ name });
    case 'power_levels':
      return m.state_power({ name });
    case 'called_elsewhere':
      return m.state_called_elsewhere({ name });
    case 'left_call_elsewhere':
      return m.state_left_call_elsewhere({ name });
    case 'other':
      return m.state_other({ name });
  }
}

export function typingWords(people: readonly Person[]): string {
  const [first, second] = people;
  if (!first) return '';
  if (!second) return m.conv_typing_one({ name: first.name });
  if (people.length === 2) return m.conv_typing_two({ first: first.name, second: second.name });
  return m.conv_typing_many();
}
